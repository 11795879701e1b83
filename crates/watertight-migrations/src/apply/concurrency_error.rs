use watertight_diagnostics::PostgresError;

use crate::errors::{FailureEffect, MigrateError};

/// Returns whether a migration was rolled back because of an error that another migration at the same time can cause:
/// two of them create, replace or grant the same shared object, or lock tables in different orders.
pub(super) fn is_concurrency_error(error: &MigrateError) -> bool {
    match error {
        MigrateError::Failed(failure) => {
            failure.effect == FailureEffect::RolledBack && can_be_caused(&failure.source)
        }
        // Another migration of this run may hold the lock.
        MigrateError::NoLock(_) => true,
        _ => false,
    }
}

fn can_be_caused(error: &PostgresError) -> bool {
    match error.code() {
        // A serialization failure, a deadlock, a duplicate object, schema, table or function.
        Some("40001" | "40P01" | "42710" | "42P06" | "42P07" | "42723") => true,
        // PostgreSQL checks `IF NOT EXISTS` and `OR REPLACE` first and writes to its catalogs later.
        Some("23505") => error.schema() == Some("pg_catalog"),
        Some("XX000") => error.message().starts_with("tuple concurrently "),
        _ => false,
    }
}
