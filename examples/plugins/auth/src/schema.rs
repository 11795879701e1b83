// @generated automatically by Diesel CLI.

pub mod plugin_auth {
    pub mod sql_types {
        #[derive(diesel::query_builder::QueryId, Clone, diesel::sql_types::SqlType)]
        #[diesel(postgres_type(name = "user_role", schema = "plugin_auth"))]
        pub struct UserRole;
    }

    diesel::table! {
        plugin_auth.sessions (id) {
            id -> Uuid,
            user_id -> Uuid,
            expires_at -> Timestamp,
            created_at -> Timestamp,
        }
    }

    diesel::table! {
        use diesel::sql_types::*;
        use super::sql_types::UserRole;

        plugin_auth.users (id) {
            id -> Uuid,
            email -> Text,
            display_name -> Nullable<Text>,
            created_at -> Timestamp,
            updated_at -> Timestamp,
            role -> UserRole,
        }
    }

    diesel::joinable!(sessions -> users (user_id));

    diesel::allow_tables_to_appear_in_same_query!(sessions, users,);
}
