//! The `#[tool]` attribute and the `Arguments` derive of bailiwick.
//!
//! Use them through `bailiwick` (feature `macros`): the code that they generate names the crate
//! `::bailiwick`.

mod arguments;
mod fields;
mod function;
mod methods;
mod options;

use proc_macro::TokenStream;
use syn::{Error, Item, parse_macro_input};

/// Makes a tool of an `async fn`, or one of each marked method of an `impl` block.
///
/// ```ignore
/// /// Read a UTF-8 file.
/// #[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"])]
/// async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
///     Ok(dir.read_to_string(&path).await?)
/// }
/// ```
///
/// The function becomes a unit struct of its name that implements `bailiwick::tool::Tool`; its
/// body cannot be called. The doc comment is the description that a model reads, and so is a doc
/// comment on a parameter.
///
/// | option | |
/// |---|---|
/// | `capability = "fs.read"` | what a token grants; required |
/// | `effect = read` | `read`, `write`, `delete`, `send` or `spawn`; required |
/// | `risk = low` | `low`, `medium`, `high` or `critical`; required |
/// | `taints = ["web"]` | the sources that the result may carry instructions from |
/// | `sensitivity = confidential` | `public`, `internal`, `confidential` or `restricted` |
/// | `datasets = ["customers"]` | the data sets that it touches; `[]` means no data set; if it is left out, the data sets are not known |
/// | `idempotent` | calling it twice does no more than calling it once, also if others made changes in between |
///
/// | parameter | |
/// |---|---|
/// | `name: &State<T>` | state that the toolbox provides, by its type |
/// | `invocation: &Invocation` | the call itself |
/// | `#[resource] name: SafePath` | an argument that names something outside the process |
/// | `name: T` | an argument; `T` implements `Parameter` |
///
/// Above an `impl` block it takes no options. Each method marked `#[tool(…)]` takes `&self` and
/// leaves the block; `ToolboxBuilder::tools` adds them all:
///
/// ```text
/// #[tool]
/// impl Notes {
///     /// Add a note.
///     #[tool(capability = "notes.add", effect = write, risk = low)]
///     async fn add(&self, text: String) -> Result<usize, ToolError> { … }
/// }
///
/// let toolbox = Toolbox::builder().tools(Notes::default()).build()?;
/// ```
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = proc_macro2::TokenStream::from(options);
    let written = match parse_macro_input!(item as Item) {
        Item::Fn(function) => function::expand(options, function),
        Item::Impl(block) => methods::expand(options, block),
        other => Err(Error::new_spanned(
            other,
            "`#[tool]` stands above an `async fn`, or above an `impl` block whose methods are tools",
        )),
    };
    written.unwrap_or_else(Error::into_compile_error).into()
}

/// Implements `bailiwick::tool::Arguments` for a struct with named fields.
///
/// The schema comes from the fields' types, a doc comment on a field is its description, and
/// `#[resource]` marks an argument that names something outside the process.
#[proc_macro_derive(Arguments, attributes(resource))]
pub fn arguments(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as syn::DeriveInput);
    arguments::expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

/// Gathers errors, so that all of them are shown at once.
#[derive(Default)]
struct Faults(Option<Error>);

impl Faults {
    fn add(&mut self, fault: Error) {
        match &mut self.0 {
            Some(known) => known.combine(fault),
            none => *none = Some(fault),
        }
    }

    fn done(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
