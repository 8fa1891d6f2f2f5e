//! Arguments: the fields of the type that a tool's arguments are read into.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, Meta, Type};

/// One argument.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) doc: String,
    pub(crate) resource: bool,
    /// Whether it may be left out though its type is not an `Option`.
    pub(crate) defaulted: bool,
}

impl Field {
    fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The field of the generated struct.
    pub(crate) fn declared(&self) -> TokenStream {
        let Self { ident, ty, .. } = self;
        let optional = option(ty).then(
            || quote!(#[serde(default, skip_serializing_if = "::core::option::Option::is_none")]),
        );
        quote!(#optional #ident: #ty)
    }
}

/// Whether a type is written as an `Option`; serde tells it the same way.
fn option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// The body of `impl Arguments`.
pub(crate) fn implementation(fields: &[Field]) -> TokenStream {
    let described = fields.iter().map(|field| {
        let (name, doc, ty, defaulted) = (field.name(), &field.doc, &field.ty, field.defaulted);
        let parameter = quote_spanned!(ty.span()=> <#ty as ::bailiwick::tool::Parameter>);
        quote! {
            ::bailiwick::__private::Described {
                name: #name,
                description: #doc,
                schema: #parameter::schema(),
                required: #parameter::REQUIRED && !#defaulted,
            }
        }
    });
    let resources = fields.iter().filter(|field| field.resource).map(|field| {
        let (name, ident, ty) = (field.name(), &field.ident, &field.ty);
        // The span of the type: a type that is not a resource is underlined itself.
        let cast = quote_spanned!(ty.span()=> ::bailiwick::__private::resource::<#ty>);
        quote!((#name, #cast(&mut self.#ident)))
    });
    quote! {
        fn schema() -> ::bailiwick::__private::serde_json::Value {
            ::bailiwick::__private::object([#(#described),*])
        }

        fn resources(&mut self) -> ::std::vec::Vec<(&'static str, &mut dyn ::bailiwick::tool::Resource)> {
            ::std::vec![#(#resources),*]
        }
    }
}

/// The text of doc comments: lines joined, without the space that each begins with.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|text| {
            text.lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// Whether `#[resource]` is among the attributes; it takes nothing.
pub(crate) fn marked(attributes: &[Attribute]) -> syn::Result<bool> {
    match attributes
        .iter()
        .find(|attribute| attribute.path().is_ident("resource"))
    {
        None => Ok(false),
        Some(attribute) => attribute
            .meta
            .require_path_only()
            .map(|_| true)
            .map_err(|_| Error::new_spanned(attribute, "`#[resource]` takes nothing")),
    }
}
