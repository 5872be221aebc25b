//! The code of one field: its column type and the encoding of its value.
//!
//! The compiler shows identical errors once. So each field has one expression that can be wrong, always with the same
//! span: that of its type or of its attribute.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Ident, Member, Path, PathArguments, Type, WherePredicate, parse_quote};

use crate::function::{Closure, Function};
use crate::model::{Field, Newtype};
use crate::parse::{Conversion, Target, Unit};

/// The parts of a field that its code needs.
#[derive(Clone)]
pub(crate) struct Code<'a> {
    member: &'a Member,
    ty: &'a Type,
    conversion: Option<&'a Conversion>,
    number: u32,
    runtime: &'a Path,
}

/// The code of a newtype.
pub(crate) struct ValueCode {
    pub(crate) column_type: TokenStream,
    pub(crate) wire: TokenStream,
    pub(crate) encoding: TokenStream,
    /// The column type as the key of a map.
    pub(crate) key: TokenStream,
}

impl<'a> Code<'a> {
    pub(crate) fn of_field(field: &'a Field<'_>, runtime: &'a Path) -> Self {
        let Field { member, ty, conversion, number, .. } = field;
        Self { member, ty, conversion: conversion.as_ref(), number: *number, runtime }
    }

    pub(crate) fn of_newtype(field: &'a Newtype<'_>, runtime: &'a Path) -> Self {
        let Newtype { member, ty, conversion, .. } = field;
        Self { member, ty, conversion: conversion.as_ref(), number: 0, runtime }
    }

    pub(crate) fn ty(&self) -> TokenStream {
        self.ty.to_token_stream()
    }

    /// The bounds of a field whose type is generic.
    pub(crate) fn bounds(&self) -> Vec<WherePredicate> {
        let Self { ty, runtime, .. } = self;
        let single = self.number == 0;
        match self.conversion {
            None if single => vec![parse_quote!(#ty: #runtime::message::Value)],
            None => vec![parse_quote!(#ty: #runtime::message::Field)],
            Some(Conversion::Convert(target)) => {
                let to = self.target(target, Span::call_site());
                let convert = if single { quote!(Convert) } else { quote!(ConvertField) };
                vec![parse_quote!(#ty: #runtime::__private::#convert<#to>)]
            }
            Some(Conversion::Default(default)) => {
                let optional: WherePredicate = parse_quote!(#ty: #runtime::__private::Optional);
                let own = default.is_none().then(|| -> WherePredicate {
                    parse_quote!(<#ty as #runtime::__private::Optional>::Inner: ::core::default::Default)
                });
                [optional].into_iter().chain(own).collect()
            }
            Some(Conversion::Json) => {
                let ty = inside(ty, "Option").filter(|_| !single).unwrap_or(ty);
                vec![parse_quote!(#ty: #runtime::__private::Serialize)]
            }
            Some(Conversion::With(_)) => Vec::new(),
        }
    }

    /// The `FieldType` of the field.
    pub(crate) fn field_type(&self) -> TokenStream {
        let runtime = self.runtime;
        let span = self.span();
        if let Some(Conversion::With(function)) = self.conversion {
            let function = self.function(function, "function");
            return quote_spanned!(span=> #runtime::__private::with::Function::field_type(&#function));
        }
        let presence = match self.conversion {
            Some(Conversion::Default(_)) => Some(quote!(Required)),
            Some(Conversion::Json) => Some(self.json().1),
            _ => None,
        };
        let path = self.path();
        if let Some(presence) = presence {
            return quote_spanned! {span=>
                #runtime::message::FieldType {
                    column_type: #path::TYPE,
                    presence: #runtime::message::Presence::#presence,
                }
            };
        }
        quote_spanned! {span=>
            #runtime::message::FieldType { column_type: #path::TYPE, presence: #path::PRESENCE }
        }
    }

    /// The statement that encodes the field.
    pub(crate) fn encoding(&self) -> TokenStream {
        let Self { number, runtime, .. } = self;
        let (span, out) = (self.span(), out());
        let (value, path) = (self.own(), self.path());
        match self.conversion {
            None => quote_spanned!(span=> #path::encode_field(#value, #number, #out);),
            Some(Conversion::Convert(_)) => quote_spanned!(span=> #path::encode_converted(#value, #number, #out);),
            Some(Conversion::Default(default)) => {
                let value = self.or(default.as_ref());
                quote_spanned!(span=> #runtime::message::Value::encode_with_key(&#value, #number, #out);)
            }
            Some(Conversion::Json) if inside(self.ty, "Option").is_some() => {
                let inner = local("value");
                quote_spanned! {span=>
                    if let ::core::option::Option::Some(#inner) = ::core::option::Option::as_ref(#value) {
                        #path::encode_with_key(&#runtime::__private::Json(#inner), #number, #out);
                    }
                }
            }
            Some(Conversion::Json) => {
                quote_spanned!(span=> #path::encode_with_key(&#runtime::__private::Json(#value), #number, #out);)
            }
            Some(Conversion::With(function)) => {
                let function = self.function(function, "function");
                quote_spanned!(span=> #runtime::__private::with::Function::encode(&#function, #value, #number, #out);)
            }
        }
    }

    /// A constant expression: whether encoding the field runs only the runtime's and the derive's code.
    pub(crate) fn is_plain(&self) -> TokenStream {
        match self.conversion {
            None => {
                let path = self.path();
                quote_spanned!(self.span()=> #path::IS_PLAIN)
            }
            Some(Conversion::Convert(_)) => quote!(true),
            Some(Conversion::Default(_) | Conversion::Json | Conversion::With(_)) => quote!(false),
        }
    }

    /// The code of a newtype's field.
    pub(crate) fn value(&self) -> ValueCode {
        let Self { ty, member, runtime, .. } = self;
        let (span, out, own) = (self.span(), out(), self.own());
        let of_type = |value: TokenStream, written: TokenStream| ValueCode {
            column_type: quote_spanned!(span=> <#value as #runtime::message::Value>::TYPE),
            wire: quote_spanned!(span=> <#value as #runtime::message::Value>::WIRE),
            encoding: quote_spanned!(span=> <#value as #runtime::message::Value>::encode(&#written, #out);),
            key: quote_spanned!(span=> <#value as #runtime::message::Key>::KEY),
        };
        match self.conversion {
            None => of_type(quote!(#ty), quote!(self.#member)),
            Some(Conversion::Convert(target)) => {
                let to = self.target(target, span);
                let convert = quote_spanned!(span=> <#ty as #runtime::__private::Convert<#to>>);
                ValueCode {
                    column_type: quote_spanned!(span=> #convert::TYPE),
                    wire: quote_spanned!(span=> #convert::WIRE),
                    encoding: quote_spanned!(span=> #convert::encode(#own, #out);),
                    key: quote_spanned!(span=> <#convert::Out as #runtime::message::Key>::KEY),
                }
            }
            Some(Conversion::Default(default)) => {
                let value = self.or(default.as_ref());
                let inner = quote_spanned!(span=> <#ty as #runtime::__private::Optional>::Inner);
                let code = of_type(inner, TokenStream::new());
                ValueCode { encoding: quote_spanned!(span=> #runtime::message::Value::encode(&#value, #out);), ..code }
            }
            Some(Conversion::Json) => of_type(
                {
                    let private = at(runtime, span);
                    quote_spanned!(span=> #private::__private::Json<'_, #ty>)
                },
                quote_spanned!(span=> #runtime::__private::Json(#own)),
            ),
            Some(Conversion::With(with)) => {
                let (value, key) = (self.function(with, "value"), self.function(with, "key"));
                let function = quote_spanned!(span=> #runtime::__private::with::ValueFunction);
                ValueCode {
                    column_type: quote_spanned!(span=> #function::column_type(&#value)),
                    wire: quote_spanned!(span=> #function::wire(&#value)),
                    encoding: quote_spanned!(span=> #function::encode(&#value, #own, #out);),
                    key,
                }
            }
        }
    }

    /// The expression `&self.field`. The field may come from the caller of a macro, so `self` has the span of the
    /// generated functions, not that of the field.
    fn own(&self) -> TokenStream {
        let member = &self.member;
        quote!(&self.#member)
    }

    fn span(&self) -> Span {
        match self.conversion {
            None | Some(Conversion::Convert(_) | Conversion::Default(_) | Conversion::Json) => self.ty.span(),
            Some(Conversion::With(function)) => function.span(),
        }
    }

    /// The path of the trait that the field is dispatched by, as `<Type as Trait>`.
    fn path(&self) -> TokenStream {
        let Self { ty, runtime, .. } = self;
        let span = self.span();
        match self.conversion {
            Some(Conversion::Convert(target)) => {
                let to = self.target(target, span);
                quote_spanned!(span=> <#ty as #runtime::__private::ConvertField<#to>>)
            }
            Some(Conversion::Default(_)) => quote_spanned!(span=> <#ty as #runtime::__private::Optional>),
            Some(Conversion::Json) => {
                let (ty, _) = self.json();
                let private = at(runtime, span);
                quote_spanned!(span=> <#private::__private::Json<'_, #ty> as #runtime::message::Value>)
            }
            None | Some(Conversion::With(_)) => quote_spanned!(span=> <#ty as #runtime::message::Field>),
        }
    }

    /// The type that is written as JSON, and its presence.
    fn json(&self) -> (&'a Type, TokenStream) {
        match inside(self.ty, "Option") {
            None => (self.ty, quote!(Required)),
            Some(ty) => (ty, quote!(Optional)),
        }
    }

    /// An expression for the value inside an `Option`, or for its default.
    fn or(&self, default: Option<&Function>) -> TokenStream {
        let (Self { ty, runtime, .. }, own) = (self, self.own());
        let default = default.map_or_else(|| quote!(::core::default::Default::default), ToTokens::to_token_stream);
        quote_spanned!(self.span()=> <#ty as #runtime::__private::Optional>::or(#own, #default))
    }

    /// The function of `with`, wrapped by the runtime function `wrapper`.
    fn function(&self, function: &Function, wrapper: &str) -> TokenStream {
        let (span, ty) = (self.span(), self.ty);
        let runtime = at(self.runtime, span);
        let with = quote_spanned!(span=> #runtime::__private::with);
        let (wrapper, field) = (Ident::new(wrapper, span), local("field"));
        let written = match function {
            Function::Closure(closure) => match layer(ty, closure) {
                Some(layer) => quote_spanned!(span=> #with::#layer(#field, #closure)),
                None => named(self.runtime, ty, closure, span),
            },
            Function::Path(path) => named(self.runtime, ty, path, span),
        };
        quote_spanned!(span=> #with::#wrapper::<#ty, _>(|#field| #written))
    }

    /// The runtime type that a field's value is converted to.
    fn target(&self, target: &Target, span: Span) -> TokenStream {
        let runtime = self.runtime;
        match target {
            Target::Date => quote_spanned!(span=> #runtime::Date),
            Target::Decimal(precision, scale) => quote_spanned!(span=> #runtime::Decimal<#precision, #scale>),
            Target::Duration(unit) => {
                let unit = unit_type(*unit, span);
                quote_spanned!(span=> #runtime::__private::Count<#runtime::__private::#unit>)
            }
            Target::Timestamp(unit) => {
                let unit = unit_type(*unit, span);
                quote_spanned!(span=> #runtime::__private::In<#runtime::__private::#unit, #runtime::Timestamp>)
            }
            Target::TimestampNtz(unit) => {
                let unit = unit_type(*unit, span);
                quote_spanned!(span=> #runtime::__private::In<#runtime::__private::#unit, #runtime::TimestampNtz>)
            }
        }
    }
}

/// The parameter that holds the encoder.
pub(crate) fn out() -> Ident {
    local("out")
}

/// A local variable of the generated code. The user's functions and closures cannot see it: `with = out` is the
/// user's function.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The path with another span: an error about a type that begins with this path is shown there.
fn at(path: &Path, span: Span) -> TokenStream {
    let respanned = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    respanned.collect()
}

/// Calls a function of unknown argument type. Method lookup picks the first trait that applies, most references first.
fn named(runtime: &Path, ty: &Type, function: &dyn ToTokens, span: Span) -> TokenStream {
    let (function, field) = (function.to_token_stream(), local("field"));
    // Lints treat code with the function's span as the user's code.
    let import = quote!(use #runtime::__private::with::possibilities::*;);
    let with = at(runtime, span);
    let with = quote_spanned!(span=> #with::__private::with);
    quote_spanned! {span=> {
        #import
        (&&&&&&&&&#with::named::<#ty, _>(#function)).call_named(#field)
    }}
}

/// The runtime function that passes a closure its argument: the value inside the field's `Option` and `Vec`, or the
/// layer of the annotated type. `None` if the annotated type is not a layer of the field.
fn layer(ty: &Type, closure: &Closure) -> Option<Ident> {
    let layers = layers(ty);
    let found = match &closure.argument {
        None => layers.first(),
        Some(argument) => {
            let argument = match argument {
                Type::Reference(reference) => &*reference.elem,
                other => other,
            };
            layers.iter().find(|(_, ty)| without_lifetimes(ty) == without_lifetimes(argument))
        }
    };
    found.map(|(name, _)| Ident::new(name, Span::call_site()))
}

/// The layers of a field that a closure can take, innermost first.
fn layers(ty: &Type) -> Vec<(&'static str, &Type)> {
    let elements = |ty| inside(ty, "Vec").filter(|element| !is_u8(element));
    let mut layers = Vec::new();
    match (inside(ty, "Option"), elements(ty)) {
        (Some(value), _) => {
            layers.extend(elements(value).map(|element| ("inside_each", element)));
            layers.push(("inside", value));
        }
        (None, Some(element)) => layers.push(("each", element)),
        (None, None) => {}
    }
    layers.push(("whole", ty));
    layers
}

/// Whether the type is `u8`. A `Vec<u8>` is a BINARY, not an ARRAY.
fn is_u8(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("u8"))
}

fn without_lifetimes(ty: &Type) -> String {
    let mut text = String::new();
    let mut behind_quote = false;
    for token in flat(ty.to_token_stream()) {
        let is_lifetime = std::mem::replace(&mut behind_quote, token == "'");
        if !is_lifetime && token != "'" {
            text.push_str(&token);
            text.push(' ');
        }
    }
    text
}

fn flat(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            proc_macro2::TokenTree::Group(group) => {
                let mut inside = flat(group.stream());
                inside.push(format!("{:?}", group.delimiter()));
                inside
            }
            other => vec![other.to_string()],
        })
        .collect()
}

/// The type inside an `Option` or a `Vec`, recognised by name.
///
/// No trait can decide this: with `json` every type is `Serialize`, and a closure needs its argument type before its
/// body is checked.
pub(crate) fn inside<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let path = match ty {
        // A macro expands `$type:ty` to a group.
        Type::Group(group) => return inside(&group.elem, name),
        Type::Paren(paren) => return inside(&paren.elem, name),
        Type::Path(path) => path,
        _ => return None,
    };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match (arguments.args.first()?, arguments.args.len()) {
        (GenericArgument::Type(inner), 1) => Some(inner),
        _ => None,
    }
}

fn unit_type(unit: Unit, span: Span) -> Ident {
    let name = match unit {
        Unit::Micros => "Micros",
        Unit::Millis => "Millis",
        Unit::Nanos => "Nanos",
        Unit::Secs => "Secs",
    };
    Ident::new(name, span)
}
