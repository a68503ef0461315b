//! A database of a test's own.

use bookdrop_test_servers::Postgres;

use crate::user::User;

/// A database, and the user who may do everything there.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) owner: User,
}

impl Database {
    /// A new and empty one of this name.
    pub(crate) fn make(server: &Postgres, name: &str) -> Self {
        Database::make_with(server, name, "")
    }

    /// A new one, made with these options of `CREATE DATABASE`.
    pub(crate) fn make_with(server: &Postgres, name: &str, options: &str) -> Self {
        User::at(&server.url()).does(&format!("CREATE DATABASE {name} {options}"));
        let url = url(server, "postgres", name);
        let owner = User::at(&url);
        Database { url, owner }
    }

    /// Whether there is the schema of the library.
    pub(crate) fn has_schema(&self) -> bool {
        let query = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'bookdrop'";
        self.owner.number(query) > 0
    }

    /// All that stands in that schema, and which versions of its tables, functions and types are there.
    pub(crate) fn contents(&self) -> Vec<String> {
        let tables = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'bookdrop' ORDER BY 1";
        let mut contents = Vec::new();
        for table in self.owner.texts(tables) {
            let rows = format!("SELECT '{table} ' || t::text FROM bookdrop.{table} t ORDER BY 1");
            contents.append(&mut self.owner.texts(&rows));
        }
        let made = "SELECT kind || oid || ' ' || xmin FROM (
                SELECT 'class ' AS kind, oid, xmin, relnamespace AS schema FROM pg_catalog.pg_class
                UNION ALL SELECT 'function ', oid, xmin, pronamespace FROM pg_catalog.pg_proc
                UNION ALL SELECT 'type ', oid, xmin, typnamespace FROM pg_catalog.pg_type) o
            WHERE schema = 'bookdrop'::regnamespace ORDER BY 1";
        contents.append(&mut self.owner.texts(made));
        contents
    }
}

/// Has the server write a file in the folder of its data, which belongs to whom it runs as, and to nobody else.
pub(crate) fn write(owner: &User, file: &str, text: &str) {
    let lines = text.trim_end();
    owner.does(&format!(
        "COPY (SELECT unnest(string_to_array('{lines}', E'\\n'))) TO PROGRAM 'umask 077 && cat > {file}'"
    ));
}

/// How somebody reaches a database of a server.
pub(crate) fn url(server: &Postgres, user: &str, database: &str) -> String {
    format!("postgres://{user}@{}/{database}", server.address())
}
