//! `#[tool(…)]` above an `async fn`, and the part that functions and methods share.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Block, Error, FnArg, GenericArgument, Ident, ItemFn, Pat, PatType, PathArguments,
    ReturnType, Signature, Type,
};

use crate::Faults;
use crate::fields::{self, Field};
use crate::options::Options;

pub(crate) fn expand(options: TokenStream, function: ItemFn) -> syn::Result<TokenStream> {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = function;
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            "write `#[tool]`, without options, above the `impl` block too: it makes tools of its marked methods",
        ));
    }
    let options = Options::read(options, Span::call_site())?;
    let parts = Parts::of(&attrs, &sig)?;
    let (name, body_name) = (&sig.ident, format_ident!("__body"));
    let (docs, conditions, rest) = sort(&attrs);
    let inner = parts.function(&sig, &body_name, &block, &rest);
    let (arguments, tool) = (
        parts.arguments(),
        parts.tool(&options, quote!(#name), &inner, &quote!(__body), None),
    );
    Ok(quote! {
        #(#conditions)*
        #(#docs)*
        #[allow(non_camel_case_types, clippy::needless_pub_self)]
        #[derive(Clone, Copy, Debug)]
        #vis struct #name;

        #(#conditions)*
        #[allow(non_local_definitions)]
        const _: () = {
            #arguments
            #tool
        };
    })
}

/// Doc comments, conditions, and all other attributes.
pub(crate) fn sort(
    attributes: &[Attribute],
) -> (Vec<&Attribute>, Vec<&Attribute>, Vec<&Attribute>) {
    let is = |attribute: &&Attribute, name: &str| attribute.path().is_ident(name);
    (
        attributes.iter().filter(|it| is(it, "doc")).collect(),
        attributes.iter().filter(|it| is(it, "cfg")).collect(),
        attributes
            .iter()
            .filter(|it| !is(it, "doc") && !is(it, "cfg"))
            .collect(),
    )
}

/// The kind of one parameter.
enum Parameter {
    State(Box<Type>),
    Invocation,
    Argument,
}

/// A tool's function, taken apart.
pub(crate) struct Parts {
    description: String,
    fields: Vec<Field>,
    parameters: Vec<(Ident, Parameter)>,
    output: Type,
}

impl Parts {
    /// Takes a function apart, or says everything that is wrong with it.
    pub(crate) fn of(attributes: &[Attribute], sig: &Signature) -> syn::Result<Self> {
        let mut faults = Faults::default();
        if sig.asyncness.is_none() {
            faults.add(Error::new(
                sig.fn_token.span(),
                "a tool's function is `async`; write `async fn`",
            ));
        }
        if !sig.generics.params.is_empty() {
            faults.add(Error::new_spanned(
                &sig.generics,
                "a tool is one type, so its function cannot be generic; name the types",
            ));
        }
        if let Some(clause) = &sig.generics.where_clause {
            faults.add(Error::new_spanned(
                clause,
                "a tool's function is not generic; leave the `where` out",
            ));
        }
        let odd = sig
            .unsafety
            .map(|it| it.to_token_stream())
            .or_else(|| sig.constness.map(|it| it.to_token_stream()));
        if let Some(odd) = odd.or_else(|| sig.abi.as_ref().map(|it| it.to_token_stream())) {
            faults.add(Error::new_spanned(
                odd,
                "a tool's function is a plain `async fn`",
            ));
        }
        let output = match &sig.output {
            ReturnType::Type(_, output) => Some((**output).clone()),
            ReturnType::Default => {
                faults.add(Error::new(
                    sig.ident.span(),
                    "a tool gives back a `Result`; write `-> Result<(), ToolError>`",
                ));
                None
            }
        };
        let (mut fields, mut parameters) = (Vec::new(), Vec::new());
        for input in &sig.inputs {
            let FnArg::Typed(input) = input else { continue };
            match parameter(input) {
                Ok((ident, Parameter::Argument, field)) => {
                    fields.extend(field);
                    parameters.push((ident, Parameter::Argument));
                }
                Ok((ident, other, _)) => parameters.push((ident, other)),
                Err(fault) => faults.add(fault),
            }
        }
        faults.done()?;
        let Some(output) = output else {
            return Err(Error::new(sig.ident.span(), "a tool gives back a `Result`"));
        };
        Ok(Self {
            description: fields::doc(attributes),
            fields,
            parameters,
            output,
        })
    }

    /// The function itself, under a name that nothing outside can reach.
    pub(crate) fn function(
        &self,
        sig: &Signature,
        name: &Ident,
        block: &Block,
        attributes: &[&Attribute],
    ) -> TokenStream {
        let mut sig = sig.clone();
        sig.ident = name.clone();
        for input in &mut sig.inputs {
            match input {
                FnArg::Typed(input) => input.attrs.clear(),
                FnArg::Receiver(input) => input.attrs.clear(),
            }
        }
        quote! {
            #(#attributes)*
            #[allow(clippy::too_many_arguments, clippy::unused_async)]
            #sig #block
        }
    }

    /// The type of the arguments.
    pub(crate) fn arguments(&self) -> TokenStream {
        let (declared, body) = (
            self.fields.iter().map(Field::declared),
            fields::implementation(&self.fields),
        );
        quote! {
            #[derive(::bailiwick::__private::serde::Serialize, ::bailiwick::__private::serde::Deserialize)]
            #[serde(crate = "::bailiwick::__private::serde", deny_unknown_fields)]
            #[doc(hidden)]
            pub struct __Arguments {
                #(#declared),*
            }

            impl ::bailiwick::tool::Arguments for __Arguments {
                #body
            }
        }
    }

    /// `impl Tool`. `inner` stands in the method; `callee` names the function that it calls.
    pub(crate) fn tool(
        &self,
        options: &Options,
        tool: TokenStream,
        inner: &TokenStream,
        callee: &TokenStream,
        receiver: Option<TokenStream>,
    ) -> TokenStream {
        let output = &self.output;
        let declaration = options.declaration(&self.description);
        let states: Vec<&Type> = self
            .parameters
            .iter()
            .filter_map(|(_, kind)| match kind {
                Parameter::State(state) => Some(&**state),
                _ => None,
            })
            .collect();
        let idents: Vec<&Ident> = self.fields.iter().map(|field| &field.ident).collect();
        let invocation = Ident::new("__invocation", Span::mixed_site());
        let passed = self.parameters.iter().map(|(ident, kind)| match kind {
            Parameter::State(state) => {
                quote_spanned!(state.span()=> &#invocation.state::<#state>()?)
            }
            Parameter::Invocation => quote!(&#invocation),
            Parameter::Argument => quote!(#ident),
        });
        let capability = options.capability();
        let fallible =
            quote_spanned!(output.span()=> <#output as ::bailiwick::__private::Fallible>::Value);
        quote! {
            #[::bailiwick::__private::async_trait]
            impl ::bailiwick::tool::Tool for #tool {
                type Args = __Arguments;
                type Output = #fallible;

                fn declaration(&self) -> ::bailiwick::tool::Declaration {
                    #declaration
                }

                fn needs(&self) -> ::std::vec::Vec<::bailiwick::tool::Need> {
                    ::std::vec![#(::bailiwick::tool::Need::of::<#states>()),*]
                }

                #[allow(unused_variables, clippy::unused_async)]
                async fn call(
                    &self,
                    __Arguments { #(#idents),* }: __Arguments,
                    #invocation: ::bailiwick::tool::Invocation,
                ) -> ::core::result::Result<Self::Output, ::bailiwick::tool::ToolError> {
                    #inner
                    #invocation.expect(#capability)?;
                    ::bailiwick::__private::Fallible::settle(#callee(#receiver #(#passed),*).await)
                }
            }
        }
    }
}

/// Reads one parameter.
fn parameter(input: &PatType) -> syn::Result<(Ident, Parameter, Option<Field>)> {
    let ident = match &*input.pat {
        Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => {
            plain.ident.clone()
        }
        other => {
            return Err(Error::new_spanned(
                other,
                "give the parameter a plain name: a model calls the argument by it",
            ));
        }
    };
    let resource = fields::marked(&input.attrs)?;
    if let Some(odd) = input
        .attrs
        .iter()
        .find(|it| !it.path().is_ident("doc") && !it.path().is_ident("resource"))
    {
        return Err(Error::new_spanned(
            odd,
            "a parameter of a tool has a doc comment or `#[resource]`, and no other attribute",
        ));
    }
    let given = match &*input.ty {
        Type::Reference(reference) => Some(&*reference.elem),
        _ => None,
    };
    let last = |ty: &Type| match ty {
        Type::Path(path) => path.path.segments.last().cloned(),
        _ => None,
    };
    let named = last(given.unwrap_or(&input.ty));
    let special = named.as_ref().filter(|segment| match &segment.arguments {
        PathArguments::None => segment.ident == "Invocation",
        PathArguments::AngleBracketed(_) => segment.ident == "State",
        PathArguments::Parenthesized(_) => false,
    });
    let Some(segment) = special else {
        return match given {
            Some(_) => Err(Error::new_spanned(
                &input.ty,
                "an argument is owned; write `String` for `&str`, `Vec<T>` for `&[T]`, and `&State<T>` for what the toolbox provides",
            )),
            None => {
                let (ty, doc) = ((*input.ty).clone(), fields::doc(&input.attrs));
                Ok((
                    ident.clone(),
                    Parameter::Argument,
                    Some(Field {
                        ident,
                        ty,
                        doc,
                        resource,
                        defaulted: false,
                    }),
                ))
            }
        };
    };
    if given.is_none()
        || matches!(&*input.ty, Type::Reference(reference) if reference.mutability.is_some())
    {
        return Err(Error::new_spanned(
            &input.ty,
            "state and invocation are borrowed; write `&State<T>`, `&Invocation`",
        ));
    }
    if resource {
        return Err(Error::new_spanned(
            &input.ty,
            "only an argument can be a `#[resource]`",
        ));
    }
    let state = match &segment.arguments {
        PathArguments::AngleBracketed(inner) => match inner.args.first() {
            Some(GenericArgument::Type(state)) if inner.args.len() == 1 => state.clone(),
            _ => {
                return Err(Error::new_spanned(
                    &input.ty,
                    "write `&State<T>` with the type that the toolbox provides",
                ));
            }
        },
        _ => return Ok((ident, Parameter::Invocation, None)),
    };
    Ok((ident, Parameter::State(Box::new(state)), None))
}
