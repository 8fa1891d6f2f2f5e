//! Names and lists of them in plain words.

use std::fmt::{self, Display, Formatter};

/// Text as it is where it is plain, else quoted and escaped.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plain = !self.0.is_empty()
            && self
                .0
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if plain {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// `a, b or c`.
pub(crate) fn either(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => "nothing".to_owned(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} or {last}", items.join(", ")),
    }
}

/// As [`either`], for names and other text.
pub(crate) fn texts<'a, S: AsRef<str> + 'a + ?Sized>(
    items: impl IntoIterator<Item = &'a S>,
) -> String {
    either(items.into_iter().map(|text| Plain(text.as_ref())))
}

/// As [`texts`], for hosts: `.b.org` is `b.org` and all under it.
pub(super) fn hosts<'a>(set: impl IntoIterator<Item = &'a String>) -> String {
    either(set.into_iter().map(|host| match host.strip_prefix('.') {
        Some(name) => format!("{} and all under it", Plain(name)),
        None => Plain(host).to_string(),
    }))
}
