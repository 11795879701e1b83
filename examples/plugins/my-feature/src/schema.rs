// @generated automatically by Diesel CLI.

pub mod plugin_my_feature {
    diesel::table! {
        plugin_my_feature.items (id) {
            id -> Uuid,
            name -> Text,
            description -> Nullable<Text>,
            created_at -> Timestamp,
            updated_at -> Timestamp,
        }
    }
}
