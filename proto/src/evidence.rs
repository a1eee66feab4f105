//! The facts, each a type of its own that converts to its wire message and back.

mod calls;
mod filesystem;
mod host;
mod identifiers;
mod kernel;
mod kernel_files;
mod network;
mod platform;
mod privilege;
mod process_image;
mod processes;
mod procfs_tree;
mod resources;
mod secrets;
mod sockets;

pub use calls::*;
pub use filesystem::*;
pub use host::*;
pub use identifiers::*;
pub use kernel::*;
pub use kernel_files::*;
pub use network::*;
pub use platform::*;
pub use privilege::*;
pub use process_image::*;
pub use processes::*;
pub use procfs_tree::*;
pub use resources::*;
pub use secrets::*;
pub use sockets::*;

/// Defines a Rust type for an enum of the schema. The type lacks the unspecified value, which the conversion refuses.
macro_rules! wire_enum {
    ($(#[$enum_doc:meta])* $name:ident, $field:literal, { $($(#[$doc:meta])* $variant:ident, $id:literal;)+ }) => {
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, serde::Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All values in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the value's name for reports and logs.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }
        }

        impl From<$name> for i32 {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => crate::generated::$name::$variant as Self,)+ }
            }
        }

        impl TryFrom<i32> for $name {
            type Error = crate::Refused;

            fn try_from(value: i32) -> Result<Self, crate::Refused> {
                match crate::generated::$name::try_from(value) {
                    $(Ok(crate::generated::$name::$variant) => Ok(Self::$variant),)+
                    Ok(crate::generated::$name::Unspecified) | Err(_) => {
                        Err(crate::Refused::UnknownValue { field: $field, value })
                    }
                }
            }
        }
    };
}
pub(crate) use wire_enum;

/// Converts a fact of plain numbers to its wire message and back; there is nothing to refuse. Both conversions name every
/// field, so that a field added to one side alone fails to compile.
macro_rules! mirrored {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl From<$name> for crate::generated::$name {
            fn from($name { $($field),+ }: $name) -> Self {
                Self { $($field),+ }
            }
        }

        impl TryFrom<crate::generated::$name> for $name {
            type Error = crate::Refused;

            fn try_from(message: crate::generated::$name) -> Result<Self, crate::Refused> {
                let crate::generated::$name { $($field),+ } = message;
                Ok(Self { $($field),+ })
            }
        }
    };
}
use mirrored;
