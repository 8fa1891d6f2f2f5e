//! How an exposure is stored: its taint, and its sensitivity as a number, 0 where no level is known.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::capability::{Exposure, Sensitivity};

#[derive(Serialize, Deserialize)]
struct Stored {
    taint: BTreeSet<String>,
    sensitivity: u8,
}

pub(in crate::agent) fn serialize<S: Serializer>(
    exposure: &Exposure,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let stored = Stored {
        taint: exposure.taint.clone(),
        sensitivity: exposure.sensitivity.map_or(0, |level| level.rank() + 1),
    };
    stored.serialize(serializer)
}

pub(in crate::agent) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Exposure, D::Error> {
    let Stored { taint, sensitivity } = Stored::deserialize(deserializer)?;
    let sensitivity = match sensitivity.checked_sub(1) {
        None => None,
        Some(rank) => Some(Sensitivity::from_rank(i64::from(rank)).ok_or_else(|| {
            D::Error::custom(format!("`{sensitivity}` is not a level of sensitivity"))
        })?),
    };
    Ok(Exposure { taint, sensitivity })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::agent::run::Run;
    use crate::capability::{Exposure, Sensitivity};
    use crate::id::RunId;

    /// A stored run with these values in the place of its own.
    fn stored(values: &[(&str, Value)]) -> Value {
        let mut run = Run::new(RunId::fresh(), "lead", "read");
        run.absorb(&Exposure::new(["web"], Some(Sensitivity::Internal)));
        let mut stored = serde_json::to_value(run).unwrap();
        assert_eq!(stored["taint"], json!(["web"]));
        assert_eq!(stored["sensitivity"], json!(2));
        assert!(stored.get("exposure").is_none());
        for (name, value) in values {
            stored[*name] = value.clone();
        }
        stored
    }

    #[test]
    fn a_level_is_stored_as_its_number_and_read_back() {
        let levels = [
            None,
            Some(Sensitivity::Public),
            Some(Sensitivity::Internal),
            Some(Sensitivity::Confidential),
            Some(Sensitivity::Restricted),
        ];
        for (number, level) in levels.into_iter().enumerate() {
            let run = stored(&[("sensitivity", json!(number))]);
            let run: Run = serde_json::from_value(run).unwrap();
            assert_eq!(run.exposure(), &Exposure::new(["web"], level));
            assert_eq!(
                serde_json::to_value(&run).unwrap()["sensitivity"],
                json!(number)
            );
        }
    }

    #[test]
    fn a_run_with_a_stray_field_or_a_level_that_does_not_exist_is_not_read() {
        for (name, value) in [
            ("sensitivity", json!(5)),
            ("sensitivity", json!(255)),
            ("sensitivity", json!(-1)),
            ("sensitivity", json!("internal")),
            ("sensitivity", Value::Null),
            ("taint", json!("web")),
            ("exposure", json!({})),
            ("stray", json!(1)),
        ] {
            let run = stored(&[(name, value.clone())]);
            let read = serde_json::from_value::<Run>(run);
            assert!(read.is_err(), "{name}: {value}");
        }
        for name in ["taint", "sensitivity"] {
            let mut run = stored(&[]);
            run.as_object_mut().unwrap().remove(name);
            assert!(serde_json::from_value::<Run>(run).is_err(), "{name}");
        }
    }
}
