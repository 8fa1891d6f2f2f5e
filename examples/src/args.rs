//! The arguments that all examples take.

use std::path::PathBuf;
use std::time::Duration;

/// What an example was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// The model of all agents; without it they follow a script.
    pub model: Option<String>,
    /// The server of that model, if it is not its provider's own.
    pub base_url: Option<String>,
    /// The variable of the environment that holds the key.
    pub key_env: Option<String>,
    /// Tools are told in words, for a model that cannot call them.
    pub fenced: bool,
    /// How long a scripted model takes for a turn, to watch it.
    pub pace: Duration,
    /// The directory to work on, for the examples that take one.
    pub path: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To run the example.
    Run(Args),
    /// To print the help.
    Help,
}

const OPTIONS: &str = "
  --model PROVIDER:NAME  think with a real model instead of a script; the providers are
                         openai, anthropic, ollama and gemini, and openai is meant where
                         there is a base URL and no provider
  --base-url URL         ask this server, such as http://127.0.0.1:8080/v1
  --key-env VARIABLE     take the key from this variable of the environment; without a base
                         URL it is OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY
  --fenced               tell the model of its tools in words: for one that cannot call any
  --pace MS              a scripted model takes this long for each turn
  --help                 this
";

/// How an example is used; `path` is what it calls the directory that it takes, if it takes one.
#[must_use]
pub fn usage(name: &str, path: Option<&str>) -> String {
    let path = path.map(|path| format!(" [{path}]")).unwrap_or_default();
    format!("usage: {name} [options]{path}\n{OPTIONS}")
}

/// Reads arguments, the program's name not among them.
///
/// # Errors
///
/// A message, when the arguments cannot be understood.
pub fn parse(given: impl IntoIterator<Item = String>, takes_path: bool) -> Result<Asked, String> {
    let (mut args, mut given) = (Args::default(), given.into_iter());
    while let Some(name) = given.next() {
        let mut value = || {
            let value = given.next();
            value.ok_or_else(|| format!("{name} needs a value"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--model" => args.model = Some(value()?),
            "--base-url" => args.base_url = Some(value()?),
            "--key-env" => args.key_env = Some(value()?),
            "--fenced" => args.fenced = true,
            "--pace" => {
                let text = value()?;
                let pace = text.parse();
                let pace = pace.map_err(|_| format!("--pace needs milliseconds, not `{text}`"))?;
                args.pace = Duration::from_millis(pace);
            }
            path if takes_path && args.path.is_none() && !path.starts_with('-') => {
                args.path = Some(PathBuf::from(path));
            }
            other => return Err(format!("`{other}` is not understood; see --help")),
        }
    }
    let options = [
        ("--base-url", args.base_url.is_some()),
        ("--key-env", args.key_env.is_some()),
        ("--fenced", args.fenced),
    ];
    match options.iter().find(|(_, given)| *given) {
        Some((option, _)) if args.model.is_none() => Err(format!("{option} needs a --model")),
        _ => Ok(Asked::Run(args)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, takes_path: bool) -> Result<Asked, String> {
        parse(line.split_whitespace().map(str::to_owned), takes_path)
    }

    #[test]
    fn all_options_are_read() {
        let line = "--model openai:m --base-url http://h/v1 --key-env K --fenced --pace 20 ../x";
        let asked = read(line, true).unwrap();
        let args = Args {
            model: Some("openai:m".to_owned()),
            base_url: Some("http://h/v1".to_owned()),
            key_env: Some("K".to_owned()),
            fenced: true,
            pace: Duration::from_millis(20),
            path: Some(PathBuf::from("../x")),
        };
        assert_eq!(asked, Asked::Run(args));
        assert_eq!(read("", false), Ok(Asked::Run(Args::default())));
        assert_eq!(read("--pace 1 --help --nonsense", false), Ok(Asked::Help));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, takes_path, word) in [
            ("--model", true, "needs a value"),
            ("--pace soon", true, "milliseconds"),
            ("--speed 1", true, "`--speed`"),
            ("here there", true, "`there`"),
            ("here", false, "`here`"),
            ("--base-url http://h/v1", false, "--model"),
            ("--fenced", false, "--model"),
        ] {
            let error = read(line, takes_path).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
