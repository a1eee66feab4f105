//! Macros that define the types of the file, and conversions of a field through the containers around its type.

use proto::Observation;

/// Defines a struct of the file and its conversions from and to the internal struct. Both conversions name every field, so
/// that a field added to the internal struct alone fails to compile. The function after `=>` converts a field in both
/// directions; a field without a function is moved. The name of a field is its key in the file: if an internal field gets
/// another name, `#[serde(rename = "…")]` keeps the key. A key that the struct lacks is refused.
macro_rules! saved_struct {
    (
        $(#[$meta:meta])*
        $name:ident for $module:ident::$internal:ident {
            $($(#[$field_meta:meta])* $field:ident: $type:ty $(=> $convert:path)?,)+
        }
    ) => {
        #[derive(serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub(in crate::evidence) struct $name { $($(#[$field_meta])* $field: $type,)+ }

        impl From<$module::$internal> for $name {
            fn from($module::$internal { $($field),+ }: $module::$internal) -> Self {
                Self { $($field: saved_struct!(@convert $field $($convert)?)),+ }
            }
        }

        impl From<$name> for $module::$internal {
            fn from($name { $($field),+ }: $name) -> Self {
                Self { $($field: saved_struct!(@convert $field $($convert)?)),+ }
            }
        }
    };
    (@convert $field:ident) => { $field };
    (@convert $field:ident $convert:path) => { $convert($field) };
}

/// Defines an enum of the file, with the name of each variant in the file, and its conversions from and to the internal enum.
/// Both conversions name every variant, so that a variant added to the internal enum alone fails to compile.
macro_rules! saved_enum {
    (
        $(#[$meta:meta])*
        $name:ident for $module:ident::$internal:ident {
            $($(#[$variant_meta:meta])* $variant:ident, $saved:literal;)+
        }
    ) => {
        #[derive(serde::Deserialize, serde::Serialize)]
        $(#[$meta])*
        pub(in crate::evidence) enum $name { $($(#[$variant_meta])* #[serde(rename = $saved)] $variant,)+ }

        impl From<$module::$internal> for $name {
            fn from(internal: $module::$internal) -> Self {
                match internal { $($module::$internal::$variant => Self::$variant,)+ }
            }
        }

        impl From<$name> for $module::$internal {
            fn from(saved: $name) -> Self {
                match saved { $($name::$variant => Self::$variant,)+ }
            }
        }
    };
}
pub(super) use {saved_enum, saved_struct};

/// Converts each element of a list.
pub(super) fn each<A, B: From<A>, T: FromIterator<B>>(list: impl IntoIterator<Item = A>) -> T {
    list.into_iter().map(B::from).collect()
}

/// Converts each element of a list that may be missing.
pub(super) fn each_optional<A, B: From<A>>(list: Option<Vec<A>>) -> Option<Vec<B>> {
    list.map(each)
}

/// Converts a value that may be missing.
pub(super) fn optional<A, B: From<A>>(value: Option<A>) -> Option<B> {
    value.map(B::from)
}

/// Converts the fact of an observation.
pub(super) fn observed<A, B: From<A>>(observation: Observation<A>) -> Observation<B> {
    observation.map(B::from)
}

/// Converts the result of a read.
pub(super) fn read<A, B: From<A>, E, F: From<E>>(result: Result<A, E>) -> Result<B, F> {
    Ok(B::from(result?))
}

/// Converts a read of a list.
pub(super) fn read_each<A, B: From<A>, E, F: From<E>>(result: Result<Vec<A>, E>) -> Result<Vec<B>, F> {
    Ok(each(result?))
}

/// Converts a read of a value that may be missing.
pub(super) fn read_optional<A, B: From<A>, E, F: From<E>>(
    result: Result<Option<A>, E>,
) -> Result<Option<B>, F> {
    Ok(optional(result?))
}

/// Converts several reads of lists.
pub(super) fn each_read<A, B: From<A>, E, F: From<E>>(
    results: Vec<Result<Vec<A>, E>>,
) -> Vec<Result<Vec<B>, F>> {
    results.into_iter().map(read_each).collect()
}
