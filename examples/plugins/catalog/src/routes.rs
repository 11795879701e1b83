//! The plugin's HTTP API, mounted at `/api/catalog`.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watertight_host::axum::Json;
use watertight_host::axum::extract::{Path, State};
use watertight_host::axum::http::StatusCode;
use watertight_host::axum::response::IntoResponse;
use watertight_host::diesel_async::RunQueryDsl;
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

#[derive(Serialize)]
struct ProductResponse {
    id: Uuid,
    name: String,
    description: Option<String>,
}

impl From<Product> for ProductResponse {
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
struct NewProductRequest {
    name: String,
    description: Option<String>,
}

async fn list(
    State(database): State<PluginDatabase>,
) -> Result<Json<Vec<ProductResponse>>, Problem> {
    let mut connection = database.connection().await?;
    let published = products::table
        .filter(products::state.eq(ProductState::Published))
        .order(products::name)
        .limit(100)
        .select(Product::as_select())
        .load(&mut connection)
        .await?;
    Ok(Json(
        published.into_iter().map(ProductResponse::from).collect(),
    ))
}

async fn create(
    State(database): State<PluginDatabase>,
    Json(request): Json<NewProductRequest>,
) -> Result<impl IntoResponse, Problem> {
    let mut connection = database.connection().await?;
    let product = diesel::insert_into(products::table)
        .values(NewProduct {
            name: &request.name,
            description: request.description.as_deref(),
            category_id: None,
            state: ProductState::Draft,
            edited_by: None,
        })
        .returning(Product::as_returning())
        .get_result(&mut connection)
        .await?;
    Ok((StatusCode::CREATED, Json(ProductResponse::from(product))))
}

async fn publish(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut connection = database.connection().await?;
    let published = diesel::update(products::table.find(id))
        .set(products::state.eq(ProductState::Published))
        .execute(&mut connection)
        .await?;
    if published == 0 {
        let problem = Problem::new(StatusCode::NOT_FOUND);
        return Err(problem.detail(format!("product {id} not found")));
    }
    Ok(StatusCode::NO_CONTENT)
}
