// @generated automatically by Diesel CLI.

pub mod plugin_catalog {
    pub mod sql_types {
        #[derive(diesel::query_builder::QueryId, Clone, diesel::sql_types::SqlType)]
        #[diesel(postgres_type(name = "product_state", schema = "plugin_catalog"))]
        pub struct ProductState;
    }

    diesel::table! {
        plugin_catalog.categories (id) {
            id -> Uuid,
            name -> Text,
        }
    }

    diesel::table! {
        plugin_catalog.product_tags (product_id, tag) {
            product_id -> Uuid,
            #[max_length = 50]
            tag -> Varchar,
            created_at -> Timestamptz,
        }
    }

    diesel::table! {
        use diesel::sql_types::*;
        use super::sql_types::ProductState;

        plugin_catalog.products (id) {
            id -> Uuid,
            name -> Text,
            description -> Nullable<Text>,
            created_at -> Timestamp,
            updated_at -> Timestamp,
            category_id -> Nullable<Uuid>,
            state -> ProductState,
            edited_by -> Nullable<Uuid>,
            /// Price in cents; NULL while the product is not for sale.
            price_cents -> Nullable<Int8>,
        }
    }

    diesel::joinable!(product_tags -> products (product_id));
    diesel::joinable!(products -> categories (category_id));

    diesel::allow_tables_to_appear_in_same_query!(categories, product_tags, products,);
}
