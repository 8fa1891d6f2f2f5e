//! How long a scope lives, as it is written: `10m`, `1h30m`.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads `10m` or `1h30m`.
pub(super) fn read(text: &str) -> Result<Duration, String> {
    let wrong =
        |what: String| format!("`{text}` is not a lifetime such as `10m` or `1h30m`: {what}");
    let mut rest = text;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|letter: char| letter.is_ascii_digit())
                .len();
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(wrong("a number comes before each unit".to_owned()));
        }
        let Some(unit) = after.chars().next() else {
            return Err(wrong(format!(
                "`{number}` has no unit; write s, m, h or d after it"
            )));
        };
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(wrong(format!("`{unit}` is not a unit; one of s, m, h, d")));
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor));
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(|| wrong("it is too long".to_owned()))?;
        rest = after.get(unit.len_utf8()..).unwrap_or_default();
    }
    match seconds {
        0 => Err(wrong("it is zero; write at least `1s`".to_owned())),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// Writes a lifetime in whole seconds, rounded down.
pub(super) fn write(life: Duration) -> String {
    let mut seconds = life.as_secs();
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if seconds >= factor {
            text.push_str(&format!("{}{unit}", seconds / factor));
            seconds %= factor;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}
