//! The plugin's HTTP API, below `/api/my-feature`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watertight_host::{PluginDatabase, Routes};

use crate::PLUGIN_METADATA;
use crate::error::Error;
use crate::models;
use crate::permissions::{READ, WRITE};
use crate::schema::plugin_my_feature as schema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/items", READ, list)
        .post("/items", WRITE, create)
        .get("/items/{id}", READ, get)
        .put("/items/{id}", WRITE, update)
        .delete("/items/{id}", WRITE, delete)
}

/// A row, as clients see it.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<models::Item> for Shown {
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

/// What clients choose of a row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    name: String,
    description: Option<String>,
}

impl Chosen {
    const LONGEST_NAME: usize = 200;
    const LONGEST_DESCRIPTION: usize = 10_000;

    fn check(&self) -> Result<(), Error> {
        if self.name.trim().is_empty() {
            return Err(invalid("name", "is empty"));
        }
        check_text("name", &self.name, Self::LONGEST_NAME)?;
        let description = self.description.as_deref().unwrap_or_default();
        check_text("description", description, Self::LONGEST_DESCRIPTION)
    }
}

/// Checks what the database, and people, can take. `longest` is in characters.
fn check_text(field: &'static str, text: &str, longest: usize) -> Result<(), Error> {
    if text.chars().count() > longest {
        return Err(invalid(
            field,
            format!("has more than {longest} characters"),
        ));
    }
    if text.contains('\0') {
        return Err(invalid(
            field,
            "has a NUL character, which PostgreSQL cannot store",
        ));
    }
    Ok(())
}

fn invalid(field: &'static str, reason: impl Into<String>) -> Error {
    Error::Invalid {
        field,
        reason: reason.into(),
    }
}

/// Which part of a list to show.
#[derive(Deserialize)]
struct Page {
    #[serde(default = "Page::default_limit")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

impl Page {
    const LARGEST: i64 = 100;

    fn default_limit() -> i64 {
        50
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=Self::LARGEST).contains(&self.limit) {
            return Err(invalid(
                "limit",
                format!("is not from 1 to {}", Self::LARGEST),
            ));
        }
        if self.offset < 0 {
            return Err(invalid("offset", "is negative"));
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct List {
    items: Vec<Shown>,
    /// The offset of the next page, if there is one.
    next_offset: Option<i64>,
}

async fn list(
    State(database): State<PluginDatabase>,
    Query(page): Query<Page>,
) -> Result<Json<List>, Error> {
    page.check()?;
    let mut connection = database.connection().await?;
    // One more than is shown tells whether there is a next page.
    let mut rows = schema::items::table
        .order((schema::items::created_at, schema::items::id))
        .limit(page.limit + 1)
        .offset(page.offset)
        .select(models::Item::as_select())
        .load(&mut connection)
        .await?;
    let end = page.offset.saturating_add(page.limit);
    let shown = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let next_offset = (rows.len() > shown).then_some(end);
    rows.truncate(shown);
    Ok(Json(List {
        items: rows.into_iter().map(Shown::from).collect(),
        next_offset,
    }))
}

async fn get(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
) -> Result<Json<Shown>, Error> {
    let mut connection = database.connection().await?;
    let row = schema::items::table
        .find(id)
        .select(models::Item::as_select())
        .first(&mut connection)
        .await
        .optional()?;
    Ok(Json(row.ok_or(Error::NotFound(id))?.into()))
}

async fn create(
    State(database): State<PluginDatabase>,
    Json(chosen): Json<Chosen>,
) -> Result<impl IntoResponse, Error> {
    chosen.check()?;
    let mut connection = database.connection().await?;
    let row = diesel::insert_into(schema::items::table)
        .values(models::NewItem {
            name: &chosen.name,
            description: chosen.description.as_deref(),
        })
        .returning(models::Item::as_returning())
        .get_result(&mut connection)
        .await?;
    let location = format!("{}/items/{}", PLUGIN_METADATA.mount_path(), row.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(Shown::from(row)),
    ))
}

async fn update(
    State(database): State<PluginDatabase>,
    Path(id): Path<Uuid>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Shown>, Error> {
    chosen.check()?;
    let mut connection = database.connection().await?;
    let changes = models::ItemChanges {
        name: chosen.name,
        description: chosen.description,
    };
    let row = diesel::update(schema::items::table.find(id))
        .set((changes, schema::items::updated_at.eq(diesel::dsl::now)))
        .returning(models::Item::as_returning())
        .get_result(&mut connection)
        .await
        .optional()?;
    Ok(Json(row.ok_or(Error::NotFound(id))?.into()))
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
