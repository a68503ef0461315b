//! The id: given by the user, or made when somebody asks.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Making an id costs more than sending an event, so it is made only for those who look at it. Clones share what is
/// made, whoever of them is asked first.
#[derive(Clone, Default)]
pub(super) struct Id {
    given: Option<Cow<'static, str>>,
    made: Made,
}

#[derive(Default)]
struct Made(OnceLock<Arc<OnceLock<String>>>);

impl Clone for Made {
    fn clone(&self) -> Self {
        Made(OnceLock::from(self.0.get_or_init(Arc::default).clone()))
    }
}

impl Id {
    pub(super) const fn new() -> Self {
        Id {
            given: None,
            made: Made(OnceLock::new()),
        }
    }

    pub(super) fn give(&mut self, id: Cow<'static, str>) {
        self.given = Some(id);
    }

    pub(super) fn given(&self) -> Option<&str> {
        self.given.as_deref()
    }

    pub(super) fn get(&self) -> &str {
        let make = || uuid::Uuid::now_v7().to_string();
        self.given()
            .unwrap_or_else(|| self.made.0.get_or_init(Arc::default).get_or_init(make))
    }
}
