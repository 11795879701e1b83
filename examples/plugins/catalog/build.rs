//! `embed_migrations!` does not detect new migrations, so Cargo has to watch their folder.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
