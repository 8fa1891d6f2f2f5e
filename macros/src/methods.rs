//! `#[tool]` above an `impl` block.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Meta, Type};

use crate::Faults;
use crate::function::{Parts, sort};
use crate::options::Options;

pub(crate) fn expand(options: TokenStream, mut block: ItemImpl) -> syn::Result<TokenStream> {
    if !options.is_empty() {
        return Err(Error::new_spanned(
            options,
            "above an `impl` block `#[tool]` takes no options; they belong to each method",
        ));
    }
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(
            path,
            "`#[tool]` stands above the `impl` of a type itself, not of a trait",
        ));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &block.generics,
            "a tool is one type, so its `impl` cannot be generic; name the types",
        ));
    }
    let mut faults = Faults::default();
    let mut methods = Vec::new();
    let mut kept = Vec::new();
    for item in block.items {
        match item {
            ImplItem::Fn(mut method) => match method.attrs.iter().position(marks) {
                Some(mark) => {
                    let mark = method.attrs.remove(mark);
                    match method_of(&block.self_ty, methods.len(), &mark, method) {
                        Ok(method) => methods.push(method),
                        Err(fault) => faults.add(fault),
                    }
                }
                None => kept.push(ImplItem::Fn(method)),
            },
            other => kept.push(other),
        }
    }
    faults.done()?;
    if methods.is_empty() {
        return Err(Error::new(
            block.self_ty.span(),
            "no method is a tool; write `#[tool(capability = \"…\", effect = …, risk = …)]` above those that are",
        ));
    }
    block.items = kept;
    let owner = &block.self_ty;
    let structs = methods.iter().map(|(conditions, name, _)| {
        quote! {
            #(#conditions)*
            #[allow(non_camel_case_types)]
            struct #name(::std::sync::Arc<#owner>);
        }
    });
    let adds = methods.iter().map(|(conditions, name, _)| {
        quote! {
            #(#conditions)*
            let builder = builder.tool(#name(::std::sync::Arc::clone(&self)));
        }
    });
    let written = methods.iter().map(|(_, _, written)| written);
    Ok(quote! {
        #block

        #[allow(non_local_definitions)]
        const _: () = {
            #(#structs)*

            #(#written)*

            impl ::bailiwick::tool::Toolset for #owner {
                fn add_to(
                    self: ::std::sync::Arc<Self>,
                    builder: ::bailiwick::tool::ToolboxBuilder,
                ) -> ::bailiwick::tool::ToolboxBuilder {
                    #(#adds)*
                    builder
                }
            }
        };
    })
}

/// Whether an attribute is `#[tool(…)]`, however its path is written.
fn marks(attribute: &Attribute) -> bool {
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|last| last.ident == "tool")
}

type Method = (Vec<Attribute>, syn::Ident, TokenStream);

/// One method as a tool: the method moves into a trait that only its own block can name.
fn method_of(
    owner: &Type,
    number: usize,
    mark: &Attribute,
    method: ImplItemFn,
) -> syn::Result<Method> {
    let ImplItemFn {
        attrs, sig, block, ..
    } = method;
    let tokens = match &mark.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let shared = matches!(sig.inputs.first(), Some(FnArg::Receiver(it)) if it.reference.is_some() && it.mutability.is_none() && it.colon_token.is_none());
    if !shared {
        let at = sig
            .inputs
            .first()
            .map_or_else(|| sig.ident.span(), syn::spanned::Spanned::span);
        return Err(Error::new(
            at,
            "a tool's method takes `&self`, because calls run at the same time; a tool without `self` is a function outside the `impl` block",
        ));
    }
    let options = Options::read(tokens, mark.span())?;
    let parts = Parts::of(&attrs, &sig)?;
    let (_, conditions, rest) = sort(&attrs);
    let tool = format_ident!("__{}_{number}", syn::ext::IdentExt::unraw(&sig.ident));
    let body = format_ident!("__body");
    let function = parts.function(&sig, &body, &block, &rest);
    let mut declared = sig.clone();
    declared.ident = body;
    // A trait's method without a body has plain names for its parameters.
    for input in &mut declared.inputs {
        if let FnArg::Typed(input) = input {
            input.attrs.clear();
            if let syn::Pat::Ident(plain) = &mut *input.pat {
                plain.mutability = None;
            }
        }
    }
    let arguments = parts.arguments();
    let callee = quote!(<#owner as __Body>::__body);
    let written = parts.tool(
        &options,
        quote!(#tool),
        &TokenStream::new(),
        &callee,
        Some(quote!(&*self.0,)),
    );
    let conditions: Vec<Attribute> = conditions.into_iter().cloned().collect();
    let written = quote! {
        #(#conditions)*
        #[allow(non_local_definitions)]
        const _: () = {
            #[allow(async_fn_in_trait)]
            trait __Body {
                #declared;
            }

            impl __Body for #owner {
                #function
            }

            #arguments
            #written
        };
    };
    Ok((conditions, tool, written))
}
