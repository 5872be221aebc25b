//! A function in an attribute: a path, or a closure.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{ExprPath, Ident, Token, Type};

use crate::known::FIELD;

/// The function of an attribute: a path or a closure.
#[derive(Clone)]
pub(crate) enum Function {
    Closure(Closure),
    Path(ExprPath),
}

/// A closure and the annotated type of its argument, if there is one.
#[derive(Clone)]
pub(crate) struct Closure {
    pub(crate) argument: Option<Type>,
    tokens: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![|]) || input.peek(Token![||]) || input.peek(Token![move]) {
            return Ok(Self::Closure(input.parse()?));
        }
        let is_path = input.peek(Ident::peek_any) || input.peek(Token![::]) || input.peek(Token![<]);
        if !is_path {
            return Err(input.error("expected the path of a function, without quotes, or a closure: |value| ..."));
        }
        Ok(Self::Path(input.parse()?))
    }
}

impl Parse for Closure {
    /// Parses the closure without syn's expression parser, which would make this crate slower to compile.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut tokens = TokenStream::new();
        if let Some(keyword) = input.parse::<Option<Token![move]>>()? {
            keyword.to_tokens(&mut tokens);
        }
        let argument = arguments(input, &mut tokens)?;
        let body = body(input)?;
        if body.is_empty() {
            return Err(input.error("expected the closure's body"));
        }
        tokens.extend(body);
        Ok(Self { argument, tokens })
    }
}

/// Parses the arguments and the bars around them. Returns the type of the last one, if it is annotated.
fn arguments(input: ParseStream<'_>, tokens: &mut TokenStream) -> syn::Result<Option<Type>> {
    if let Some(bars) = input.parse::<Option<Token![||]>>()? {
        bars.to_tokens(tokens);
        return Ok(None);
    }
    input.parse::<Token![|]>()?.to_tokens(tokens);
    let mut argument = None;
    while !input.peek(Token![|]) {
        if input.peek(Token![:]) && !input.peek(Token![::]) {
            input.parse::<Token![:]>()?.to_tokens(tokens);
            let annotated: Type = input.parse()?;
            annotated.to_tokens(tokens);
            argument = Some(annotated);
        } else {
            input.parse::<TokenTree>()?.to_tokens(tokens);
        }
    }
    input.parse::<Token![|]>()?.to_tokens(tokens);
    Ok(argument)
}

/// Everything up to the next item of the attribute. A comma is not always the end: `a::<B, C>(d)` contains one.
fn body(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut body = TokenStream::new();
    while !input.is_empty() && !is_end(input) {
        input.parse::<TokenTree>()?.to_tokens(&mut body);
    }
    Ok(body)
}

fn is_end(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    if fork.parse::<Token![,]>().is_err() {
        return false;
    }
    if fork.is_empty() {
        return true;
    }
    let is_item = fork.call(Ident::parse_any).is_ok_and(|name| FIELD.iter().any(|known| name == known.name));
    is_item && (fork.is_empty() || fork.peek(Token![=]) || fork.peek(Token![,]) || fork.peek(syn::token::Paren))
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Closure(closure) => closure.to_tokens(tokens),
            Self::Path(path) => path.to_tokens(tokens),
        }
    }
}

impl ToTokens for Closure {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}
