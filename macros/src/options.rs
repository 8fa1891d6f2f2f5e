//! The options in the brackets of `#[tool(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Token, bracketed};

use crate::Faults;

const KNOWN: &str = "`capability = \"…\"`, `effect = …`, `risk = …`, `taints = [\"…\"]`, \
                     `sensitivity = …`, `datasets = [\"…\"]` and `idempotent`";
const EFFECTS: &[&str] = &["read", "write", "delete", "send", "spawn"];
const RISKS: &[&str] = &["low", "medium", "high", "critical"];
const LEVELS: &[&str] = &["public", "internal", "confidential", "restricted"];

enum Given {
    Text(LitStr),
    Word(Ident),
    List(Vec<LitStr>),
    Nothing,
}

struct Setting {
    name: Ident,
    given: Given,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = input.parse()?;
        if !input.peek(Token![=]) {
            return Ok(Self {
                name,
                given: Given::Nothing,
            });
        }
        input.parse::<Token![=]>()?;
        let given = if input.peek(LitStr) {
            Given::Text(input.parse()?)
        } else if input.peek(syn::token::Bracket) {
            let list;
            bracketed!(list in input);
            let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
            Given::List(texts.into_iter().collect())
        } else {
            Given::Word(input.parse()?)
        };
        Ok(Self { name, given })
    }
}

/// The options of one tool.
pub(crate) struct Options {
    capability: LitStr,
    effect: Ident,
    risk: Ident,
    taints: Vec<LitStr>,
    /// `None` means not known; an empty list means no data set.
    datasets: Option<Vec<LitStr>>,
    sensitivity: Option<Ident>,
    idempotent: bool,
}

impl Options {
    /// Reads the options; a missing option is reported at `place`.
    pub(crate) fn read(tokens: TokenStream, place: Span) -> syn::Result<Self> {
        let settings = Punctuated::<Setting, Token![,]>::parse_terminated.parse2(tokens)?;
        let mut faults = Faults::default();
        let (mut capability, mut effect, mut risk, mut sensitivity) = (None, None, None, None);
        let (mut taints, mut datasets, mut idempotent) = (None, None, None);
        for Setting { name, given } in settings {
            let wrong = |what: &str| Error::new(name.span(), what);
            let read = match (name.to_string().as_str(), given) {
                ("capability", Given::Text(text)) => {
                    capable(text).and_then(|text| once(&name, &mut capability, text))
                }
                ("effect", Given::Word(word)) => {
                    word_of(word, EFFECTS).and_then(|word| once(&name, &mut effect, word))
                }
                ("risk", Given::Word(word)) => {
                    word_of(word, RISKS).and_then(|word| once(&name, &mut risk, word))
                }
                ("sensitivity", Given::Word(word)) => {
                    word_of(word, LEVELS).and_then(|word| once(&name, &mut sensitivity, word))
                }
                ("taints", Given::List(list)) => once(&name, &mut taints, list),
                ("datasets", Given::List(list)) => once(&name, &mut datasets, list),
                ("idempotent", Given::Nothing) => once(&name, &mut idempotent, ()),
                ("capability", _) => Err(wrong(
                    "write the capability as a text: `capability = \"fs.read\"`",
                )),
                ("effect", _) => Err(wrong(
                    "write the effect as a word: `effect = read`, or `write`, `delete`, `send`, `spawn`",
                )),
                ("risk", _) => Err(wrong(
                    "write the risk as a word: `risk = low`, or `medium`, `high`, `critical`",
                )),
                ("sensitivity", _) => Err(wrong(
                    "write the sensitivity as a word: `sensitivity = confidential`, or `public`, `internal`, `restricted`",
                )),
                ("taints", _) => Err(wrong("write the taints as a list: `taints = [\"web\"]`")),
                ("datasets", _) => Err(wrong(
                    "write the data sets as a list: `datasets = [\"customers\"]`",
                )),
                ("idempotent", _) => Err(wrong("`idempotent` stands alone, without a value")),
                (unknown, _) => Err(wrong(&format!(
                    "`{unknown}` is not an option of `#[tool]`; there are {KNOWN}"
                ))),
            };
            read.unwrap_or_else(|fault| faults.add(fault));
        }
        // A misspelt option is reported alone: the option that it leaves out would only repeat the fault.
        faults.done()?;
        let mut faults = Faults::default();
        for (missing, what) in [
            (
                capability.is_none(),
                "the tool does not say by which capability it is called; write `capability = \"fs.read\"`",
            ),
            (
                effect.is_none(),
                "the tool does not say what it does to the world; write `effect = read`, or `write`, `delete`, `send`, `spawn`",
            ),
            (
                risk.is_none(),
                "the tool does not say how risky it is; write `risk = low`, or `medium`, `high`, `critical`",
            ),
        ] {
            if missing {
                faults.add(Error::new(place, what));
            }
        }
        faults.done()?;
        match (capability, effect, risk) {
            (Some(capability), Some(effect), Some(risk)) => Ok(Self {
                capability,
                effect,
                risk,
                sensitivity,
                taints: taints.unwrap_or_default(),
                datasets,
                idempotent: idempotent.is_some(),
            }),
            _ => Err(Error::new(
                place,
                "write `#[tool(capability = \"…\", effect = …, risk = …)]`",
            )),
        }
    }

    pub(crate) const fn capability(&self) -> &LitStr {
        &self.capability
    }

    /// The declaration, as an expression.
    pub(crate) fn declaration(&self, description: &str) -> TokenStream {
        let Self {
            capability,
            taints,
            datasets,
            ..
        } = self;
        let (effect, risk) = (variant(&self.effect), variant(&self.risk));
        let mut written = quote! {
            ::bailiwick::tool::Declaration::new(
                #capability,
                ::bailiwick::guard::Effect::#effect,
                ::bailiwick::capability::Risk::#risk,
            )
            .describe(#description)
        };
        if !taints.is_empty() {
            written.extend(quote!(.taints([#(#taints),*])));
        }
        match datasets.as_deref() {
            None => {}
            Some([]) => written.extend(quote!(.touches::<&str>([]))),
            Some(datasets) => written.extend(quote!(.touches([#(#datasets),*]))),
        }
        if let Some(level) = self.sensitivity.as_ref().map(variant) {
            written.extend(quote!(.sensitivity(::bailiwick::capability::Sensitivity::#level)));
        }
        if self.idempotent {
            written.extend(quote!(.idempotent()));
        }
        written
    }
}

fn once<T>(name: &Ident, place: &mut Option<T>, value: T) -> syn::Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(name.span(), format!("`{name}` is given twice"))),
    }
}

/// The same rule as a toolbox has, told earlier.
fn capable(text: LitStr) -> syn::Result<LitStr> {
    let name = text.value();
    let fits = (1..=256).contains(&name.len()) && !name.chars().any(char::is_control);
    if fits && !name.starts_with("agent.") && !name.starts_with("token.") {
        return Ok(text);
    }
    let what = "a capability has 1 to 256 bytes and no control characters, and does not begin with `agent.` or `token.`, which are Bailiwick's own";
    Err(Error::new(text.span(), what))
}

fn word_of(word: Ident, known: &[&str]) -> syn::Result<Ident> {
    if known.iter().any(|known| word == known) {
        return Ok(word);
    }
    Err(Error::new(
        word.span(),
        format!("`{word}` is not one of `{}`", known.join("`, `")),
    ))
}

/// `read` as it is written in its enum: `Read`. The span is the word's, for the IDE.
fn variant(word: &Ident) -> Ident {
    let text = word.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format_ident!(
        "{}",
        first.into_iter().chain(letters).collect::<String>(),
        span = word.span()
    )
}
