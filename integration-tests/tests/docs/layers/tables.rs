//! Which room may name which: the rooms of the crate, and the floors inside a room.

/// The rooms of the crate, and which rooms each may name beside itself.
pub(crate) const TABLE: [(&str, &[&str]); 11] = [
    ("id", &[]),
    ("text", &[]),
    ("clock", &["id"]),
    ("model", &["text"]),
    ("format", &["text"]),
    ("store", &["text", "id", "clock"]),
    ("capability", &["text", "id"]),
    ("guard", &["store", "capability", "text", "id", "clock"]),
    (
        "record",
        &[
            "store",
            "guard",
            "capability",
            "format",
            "text",
            "id",
            "clock",
        ],
    ),
    (
        "tool",
        &[
            "model",
            "record",
            "guard",
            "store",
            "capability",
            "text",
            "id",
            "clock",
        ],
    ),
    (
        "agent",
        &[
            "tool",
            "model",
            "format",
            "record",
            "guard",
            "store",
            "capability",
            "text",
            "id",
            "clock",
        ],
    ),
];

/// Files beside the rooms: they put the rooms together, and no room names what is in them.
pub(crate) const FACADE: [&str; 2] = ["lib", "__private"];

/// The one room that names the token library.
pub(crate) const NAMES_BISCUIT: &str = "capability";

/// The floors of one room: its folders and files, apart from its `mod.rs`, which puts them together.
pub(crate) struct Floors {
    pub(crate) room: &'static str,
    /// Each floor, and exactly those that its code names. Tests may name any floor.
    pub(crate) table: &'static [(&'static str, &'static [&'static str])],
    /// Floors that only tests are compiled with.
    pub(crate) for_tests: &'static [&'static str],
    /// Floors that name one another and are meant to; `docs/src/architecture.md` says why.
    pub(crate) circles: &'static [&'static [&'static str]],
    /// How many floors stand on one another at the most; the floors of a circle count as one.
    pub(crate) storeys: usize,
}

/// The rooms that have floors.
pub(crate) const FLOORS: &[Floors] = &[CAPABILITY, AGENT];

const CAPABILITY: Floors = Floors {
    room: "capability",
    table: &[
        ("work", &[]),
        ("keys", &["work"]),
        ("value", &["keys", "work"]),
        ("scope", &["keys", "value"]),
        ("narrow", &["keys", "scope", "value", "work"]),
        ("check", &["keys", "scope", "value"]),
        ("block", &["keys", "scope", "value"]),
        (
            "token",
            &["block", "check", "keys", "narrow", "scope", "value"],
        ),
    ],
    for_tests: &["arbitrary"],
    circles: &[],
    storeys: 6,
};

const AGENT: Floors = Floors {
    room: "agent",
    table: &[
        ("run", &[]),
        ("prices", &[]),
        ("unknown", &[]),
        ("typed", &[]),
        ("helper", &["run"]),
        ("durable", &["run"]),
        ("report", &["run", "typed", "unknown"]),
        ("runtime", &["durable", "helper", "prices", "run"]),
        ("core", &["durable", "prices", "run", "runtime"]),
        ("handle", &["core", "durable"]),
        ("spawn", &["core", "durable", "handle", "helper", "run"]),
        ("children", &["report", "spawn"]),
        (
            "orchestrator",
            &["core", "durable", "handle", "runtime", "spawn"],
        ),
        (
            "driver",
            &[
                "core", "durable", "handle", "helper", "prices", "report", "run", "spawn", "typed",
                "unknown",
            ],
        ),
        (
            "builder",
            &[
                "durable",
                "helper",
                "orchestrator",
                "prices",
                "run",
                "runtime",
            ],
        ),
        (
            "resume",
            &[
                "core",
                "driver",
                "durable",
                "handle",
                "helper",
                "orchestrator",
                "report",
                "run",
                "runtime",
                "unknown",
            ],
        ),
        ("answer", &["driver", "handle", "report", "resume", "typed"]),
    ],
    for_tests: &[],
    circles: &[],
    storeys: 9,
};
