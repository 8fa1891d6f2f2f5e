//! `#[derive(Arguments)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Token, punctuated::Punctuated};

use crate::Faults;
use crate::fields::{self, Field};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "the arguments of a tool are a struct with named fields",
        ));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(Error::new_spanned(
            &input.ident,
            "the arguments of a tool have names; write `struct … { … }`",
        ));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "the arguments of a tool are one type; leave the generics out",
        ));
    }
    let mut faults = Faults::default();
    let container = words(&input.attrs)?;
    if !container
        .iter()
        .any(|(word, _)| word == "deny_unknown_fields")
    {
        faults.add(Error::new_spanned(
            &input.ident,
            "write `#[serde(deny_unknown_fields)]` here: an argument that the type does not know would be dropped before anything checks it",
        ));
    }
    let unfit = |word: &str, at: &dyn quote::ToTokens| {
        Error::new(
            syn::spanned::Spanned::span(&at.to_token_stream()),
            format!(
                "`serde({word})` would make the schema differ from what is read; implement `Arguments` by hand, or leave it out"
            ),
        )
    };
    for (word, at) in container
        .iter()
        .filter(|(word, _)| !matches!(word.as_str(), "deny_unknown_fields" | "crate" | "default"))
    {
        faults.add(unfit(word, at));
    }
    let whole = container.iter().any(|(word, _)| word == "default");
    let mut arguments = Vec::new();
    for field in &named.named {
        let own = words(&field.attrs)?;
        for (word, at) in own
            .iter()
            .filter(|(word, _)| !matches!(word.as_str(), "default" | "skip_serializing_if"))
        {
            faults.add(unfit(word, at));
        }
        let Some(ident) = field.ident.clone() else {
            continue;
        };
        arguments.push(Field {
            ident,
            ty: field.ty.clone(),
            doc: fields::doc(&field.attrs),
            resource: fields::marked(&field.attrs)?,
            defaulted: whole || own.iter().any(|(word, _)| word == "default"),
        });
    }
    faults.done()?;
    let (name, body) = (&input.ident, fields::implementation(&arguments));
    Ok(quote! {
        impl ::bailiwick::tool::Arguments for #name {
            #body
        }
    })
}

/// The words of the `serde` attributes, each with its place.
fn words(attributes: &[Attribute]) -> syn::Result<Vec<(String, TokenStream)>> {
    let mut words = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        let parsed = attribute.parse_args_with(Punctuated::<Asked, Token![,]>::parse_terminated)?;
        words.extend(parsed.into_iter().map(|asked| (asked.0, asked.1)));
    }
    Ok(words)
}

/// One word to serde; `crate` is a keyword, so this is not a `Meta`.
struct Asked(String, TokenStream);

impl syn::parse::Parse for Asked {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt as _;
        let word = syn::Ident::parse_any(input)?;
        let at = quote!(#word);
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            input.parse::<syn::Lit>()?;
        } else if input.peek(syn::token::Paren) {
            let inner;
            syn::parenthesized!(inner in input);
            inner.parse::<TokenStream>()?;
        }
        Ok(Self(word.to_string(), at))
    }
}
