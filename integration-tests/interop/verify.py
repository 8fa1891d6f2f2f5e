"""Compares the verdicts of biscuit-python with those of the file: verify.py CALLS"""

import json
import sys

from wire_call import POLICY, allows, read, verified

count = {True: 0, False: 0}
with open(sys.argv[1], encoding="utf-8") as file:
    for number, line in enumerate(file, 1):
        case = json.loads(line)
        assert case["policy"] == POLICY
        biscuit = verified(read(case["token"]), case["root"])
        allowed = allows(biscuit, case["facts"])
        assert allowed == case["allowed"], f"line {number}: {allowed}"
        count[allowed] += 1
assert count[True] >= 50 and count[False] >= 50, count
print(f"biscuit-python: {count[True]} allowed, {count[False]} denied, all as expected")
