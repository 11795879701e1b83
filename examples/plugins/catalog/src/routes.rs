//! The plugin's HTTP API, below `/api/catalog`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watertight_host::{PluginDatabase, Problem, Routes};

use crate::models::{NewProduct, Product, ProductState};
use crate::permissions::{READ, WRITE};
use crate::schema::plugin_catalog::products;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/products", READ, list)
        .post("/products", WRITE, create)
        .post("/products/{id}/publish", WRITE, publish)
}

/// A product, as clients see it.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    name: String,
    description: Option<String>,
}

impl From<Product> for Shown {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            name: product.name,
            description: product.description,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    name: String,
    description: Option<String>,
}

async fn list(State(database): State<PluginDatabase>) -> Result<Json<Vec<Shown>>, Problem> {
    let mut connection = database.connection().await?;
    let published = products::table
        .filter(products::state.eq(ProductState::Published))
        .order(products::name)
        .limit(100)
        .select(Product::as_select())
        .load(&mut connection)
        .await
        .map_err(|error| Problem::internal(&error))?;
    Ok(Json(published.into_iter().map(Shown::from).collect()))
}

async fn create(
    State(database): State<PluginDatabase>,
    Json(chosen): Json<Chosen>,
) -> Result<impl IntoResponse, Problem> {
    let mut connection = database.connection().await?;
    let product = diesel::insert_into(products::table)
        .values(NewProduct {
            name: &chosen.name,
            description: chosen.description.as_deref(),
            category_id: None,
            state: ProductState::Draft,
            edited_by: None,
        })
        .returning(Product::as_returning())
        .get_result(&mut connection)
        .await
        .map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::CREATED, Json(Shown::from(product))))
}

async fn publish(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut connection = database.connection().await?;
    let published = diesel::update(products::table.find(id))
        .set(products::state.eq(ProductState::Published))
        .execute(&mut connection)
        .await
        .map_err(|error| Problem::internal(&error))?;
    if published == 0 {
        let problem = Problem::new(StatusCode::NOT_FOUND);
        return Err(problem.detail(format!("there is no product {id}")));
    }
    Ok(StatusCode::NO_CONTENT)
}
