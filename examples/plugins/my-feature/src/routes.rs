//! The plugin's HTTP API, mounted at `/api/my-feature`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watertight_host::axum::Json;
use watertight_host::axum::extract::{Path, Query, State};
use watertight_host::axum::http::{StatusCode, header};
use watertight_host::axum::response::IntoResponse;
use watertight_host::diesel_async::RunQueryDsl;
use watertight_host::{PluginDatabase, Routes};

use crate::PLUGIN_METADATA;
use crate::error::Error;
use crate::models;
use crate::permissions::{READ, WRITE};
use crate::schema::plugin_my_feature as schema;

const MAX_NAME_LENGTH: usize = 200;
const MAX_DESCRIPTION_LENGTH: usize = 10_000;
const DEFAULT_PAGE_SIZE: i64 = 50;
const MAX_PAGE_SIZE: i64 = 100;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/items", READ, list)
        .post("/items", WRITE, create)
        .get("/items/{id}", READ, get)
        .put("/items/{id}", WRITE, update)
        .delete("/items/{id}", WRITE, delete)
}

#[derive(Serialize)]
struct ItemResponse {
    id: Uuid,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<models::Item> for ItemResponse {
    fn from(row: models::Item) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            created_at: row.created_at.and_utc(),
            updated_at: row.updated_at.and_utc(),
        }
    }
}

#[derive(Serialize)]
struct ItemListResponse {
    items: Vec<ItemResponse>,
    /// `None` on the last page.
    next_offset: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItemRequest {
    name: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateItemRequest {
    name: String,
    description: Option<String>,
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default = "default_page_size")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

fn default_page_size() -> i64 {
    DEFAULT_PAGE_SIZE
}

impl ListQuery {
    fn validate(&self) -> Result<(), Error> {
        if !(1..=MAX_PAGE_SIZE).contains(&self.limit) {
            return Err(Error::invalid(
                "limit",
                format!("must be between 1 and {MAX_PAGE_SIZE}"),
            ));
        }
        if self.offset < 0 {
            return Err(Error::invalid("offset", "must not be negative"));
        }
        Ok(())
    }
}

fn validate(name: &str, description: Option<&str>) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("name", "must not be empty"));
    }
    validate_string("name", name, MAX_NAME_LENGTH)?;
    validate_string(
        "description",
        description.unwrap_or_default(),
        MAX_DESCRIPTION_LENGTH,
    )
}

fn validate_string(field: &'static str, value: &str, max_length: usize) -> Result<(), Error> {
    if value.chars().count() > max_length {
        return Err(Error::invalid(
            field,
            format!("must have at most {max_length} characters"),
        ));
    }
    // PostgreSQL cannot store NUL in `text`.
    if value.contains('\0') {
        return Err(Error::invalid(field, "must not contain a NUL character"));
    }
    Ok(())
}

async fn list(
    State(database): State<PluginDatabase>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ItemListResponse>, Error> {
    query.validate()?;
    let mut connection = database.connection().await?;
    // One extra row shows whether there is a next page.
    let mut rows = schema::items::table
        .order((schema::items::created_at, schema::items::id))
        .limit(query.limit + 1)
        .offset(query.offset)
        .select(models::Item::as_select())
        .load(&mut connection)
        .await?;
    let page_size = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let next_offset = (rows.len() > page_size).then(|| query.offset.saturating_add(query.limit));
    rows.truncate(page_size);
    Ok(Json(ItemListResponse {
        items: rows.into_iter().map(Into::into).collect(),
        next_offset,
    }))
}

async fn get(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
) -> Result<Json<ItemResponse>, Error> {
    let mut connection = database.connection().await?;
    let row = schema::items::table
        .find(id)
        .select(models::Item::as_select())
        .first(&mut connection)
        .await
        .optional()?
        .ok_or(Error::NotFound(id))?;
    Ok(Json(row.into()))
}

async fn create(
    State(database): State<PluginDatabase>,
    Json(request): Json<NewItemRequest>,
) -> Result<impl IntoResponse, Error> {
    validate(&request.name, request.description.as_deref())?;
    let mut connection = database.connection().await?;
    let row = diesel::insert_into(schema::items::table)
        .values(models::NewItem {
            name: &request.name,
            description: request.description.as_deref(),
        })
        .returning(models::Item::as_returning())
        .get_result(&mut connection)
        .await?;
    let location = format!("{}/items/{}", PLUGIN_METADATA.mount_path(), row.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(ItemResponse::from(row)),
    ))
}

async fn update(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
    Json(request): Json<UpdateItemRequest>,
) -> Result<Json<ItemResponse>, Error> {
    validate(&request.name, request.description.as_deref())?;
    let mut connection = database.connection().await?;
    let changes = models::ItemChanges {
        name: request.name,
        description: request.description,
    };
    let row = diesel::update(schema::items::table.find(id))
        .set((changes, schema::items::updated_at.eq(diesel::dsl::now)))
        .returning(models::Item::as_returning())
        .get_result(&mut connection)
        .await
        .optional()?
        .ok_or(Error::NotFound(id))?;
    Ok(Json(row.into()))
}

async fn delete(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Error> {
    let mut connection = database.connection().await?;
    let deleted = diesel::delete(schema::items::table.find(id))
        .execute(&mut connection)
        .await?;
    if deleted == 0 {
        return Err(Error::NotFound(id));
    }
    Ok(StatusCode::NO_CONTENT)
}
