//! The codec, as an option of an address.

use crate::address;
use crate::backed::Codec;
use crate::error::OpenError;
#[cfg(not(feature = "message-pack"))]
use crate::error::OpenErrorKind;

/// Takes what events are written in, and sets its name.
pub(super) fn take(given: &mut address::Options, name: &mut String) -> Result<Codec, OpenError> {
    if let Some(text) = given.text("codec")? {
        *name = text;
    }
    match &**name {
        "json" => Ok(Codec::Json),
        #[cfg(feature = "message-pack")]
        "msgpack" => Ok(Codec::MessagePack),
        #[cfg(not(feature = "message-pack"))]
        "msgpack" => {
            let message = "`codec=msgpack` is not compiled in: it needs the feature `message-pack` of bookdrop";
            let kind = OpenErrorKind::NotCompiledIn;
            Err(OpenError::new(kind, message.to_owned()))
        }
        unknown => Err(address::invalid(
            "codec",
            unknown,
            "one of `json`, `msgpack`",
        )),
    }
}
