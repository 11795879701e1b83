-- The tables of the schema $1 and the foreign keys between them, as one JSON document.
-- Types, lengths and nullability are those of information_schema.columns, which hides what the role has no rights to.
WITH tables AS (
    SELECT relation.oid, relation.relname
    FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = $1 AND relation.relkind IN ('r', 'p')
        -- As the diesel command, leave out Diesel's own and other hidden tables.
        AND relation.relname NOT LIKE '\_\_%'
)
SELECT pg_catalog.json_build_object(
    'tables', coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', tables.relname,
        'comment', pg_catalog.obj_description(tables.oid, 'pg_class'),
        'primary_key', (
            SELECT pg_catalog.json_build_object(
                'name', key.conname,
                'columns', (
                    SELECT pg_catalog.json_agg(attribute.attname ORDER BY position)
                    FROM pg_catalog.unnest(key.conkey) WITH ORDINALITY AS part (number, position)
                    JOIN pg_catalog.pg_attribute AS attribute
                        ON attribute.attrelid = key.conrelid AND attribute.attnum = part.number
                )
            )
            FROM pg_catalog.pg_constraint AS key
            WHERE key.conrelid = tables.oid AND key.contype = 'p'
        ),
        'columns', coalesce((
            SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                'name', attribute.attname,
                'comment', pg_catalog.col_description(tables.oid, attribute.attnum),
                'type_schema', type_namespace.nspname,
                'type', type.typname,
                'nullable', NOT (attribute.attnotnull OR declared.typtype = 'd' AND declared.typnotnull),
                'max_length', CASE
                    WHEN modifier.value < 0 THEN NULL
                    -- char and varchar, whose modifier includes a header of four bytes; bit and varbit.
                    WHEN type.oid IN (1042, 1043) THEN modifier.value - 4
                    WHEN type.oid IN (1560, 1562) THEN modifier.value
                END
            ) ORDER BY attribute.attnum)
            FROM pg_catalog.pg_attribute AS attribute
            JOIN pg_catalog.pg_type AS declared ON declared.oid = attribute.atttypid
            JOIN pg_catalog.pg_type AS type
                ON type.oid = CASE WHEN declared.typtype = 'd' THEN declared.typbasetype ELSE declared.oid END
            JOIN pg_catalog.pg_namespace AS type_namespace ON type_namespace.oid = type.typnamespace
            CROSS JOIN LATERAL (
                SELECT CASE WHEN declared.typtype = 'd' THEN declared.typtypmod ELSE attribute.atttypmod END AS value
            ) AS modifier
            WHERE attribute.attrelid = tables.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
        ), '[]')
    ) ORDER BY tables.relname COLLATE "C") FROM tables), '[]'),
    'foreign_keys', coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', key.conname,
        'child', child.relname,
        'parent', parent.relname,
        'columns', (
            SELECT pg_catalog.json_agg(attribute.attname ORDER BY position)
            FROM pg_catalog.unnest(key.conkey) WITH ORDINALITY AS part (number, position)
            JOIN pg_catalog.pg_attribute AS attribute
                ON attribute.attrelid = key.conrelid AND attribute.attnum = part.number
        ),
        'parent_columns', (
            SELECT pg_catalog.json_agg(attribute.attname ORDER BY position)
            FROM pg_catalog.unnest(key.confkey) WITH ORDINALITY AS part (number, position)
            JOIN pg_catalog.pg_attribute AS attribute
                ON attribute.attrelid = key.confrelid AND attribute.attnum = part.number
        )
    ) ORDER BY child.relname COLLATE "C", parent.relname COLLATE "C", key.conname COLLATE "C")
        FROM pg_catalog.pg_constraint AS key
        JOIN pg_catalog.pg_class AS child ON child.oid = key.conrelid
        JOIN pg_catalog.pg_namespace AS child_namespace ON child_namespace.oid = child.relnamespace
        JOIN pg_catalog.pg_class AS parent ON parent.oid = key.confrelid
        WHERE key.contype = 'f' AND child_namespace.nspname = $1 AND parent.relnamespace = child.relnamespace
    ), '[]')
)::text AS document
