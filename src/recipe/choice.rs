//! `choice!`: a setting that is one of several named things, each with settings of its own. One line a thing.

/// Declares an enum that TOML writes as `name` or `{ name = { settings } }`.
///
/// Every variant names its text, its settings and its *revision*, which rises when the same settings would give
/// other bytes; the names and revisions used by a stage are part of its key.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $choice:ident { $($(#[$doc:meta])* $name:literal => $variant:ident @ $revision:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $choice {
            $($(#[$doc])* #[serde(rename = $name)] $variant($variant),)+
        }

        impl $choice {
            /// As TOML and the tables write it.
            pub fn name(&self) -> &'static str {
                match self { $($choice::$variant(_) => $name,)+ }
            }

            /// Rises when the same settings would give other bytes.
            pub fn revision(&self) -> u32 {
                match self { $($choice::$variant(_) => $revision,)+ }
            }
        }
    };
}

pub(crate) use choice;
