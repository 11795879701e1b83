-- The types that a column can have, and the casts between them, as one JSON document.
SELECT pg_catalog.json_build_object(
    'types', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(namespace.nspname, type.typname))
        FROM pg_catalog.pg_type AS type
        JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = type.typnamespace
        -- Array types are derived from their element types.
        WHERE type.typtype IN ('b', 'c', 'd', 'e', 'm', 'r') AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_type AS element WHERE element.typarray = type.oid
        )
    ),
    'casts', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            source_namespace.nspname, source.typname, target_namespace.nspname, target.typname, "cast".castcontext
        ))
        FROM pg_catalog.pg_cast AS "cast"
        JOIN pg_catalog.pg_type AS source ON source.oid = "cast".castsource
        JOIN pg_catalog.pg_namespace AS source_namespace ON source_namespace.oid = source.typnamespace
        JOIN pg_catalog.pg_type AS target ON target.oid = "cast".casttarget
        JOIN pg_catalog.pg_namespace AS target_namespace ON target_namespace.oid = target.typnamespace
    )
)::text AS document
