-- All objects of the database except PostgreSQL's own and those of extensions, with their definitions, as one JSON document.
-- The search path has to be empty, so that names in definitions are qualified.
WITH namespaces AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
), extensions_own AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT relation.*, namespaces.nspname
    FROM pg_catalog.pg_class AS relation
    JOIN namespaces ON namespaces.oid = relation.relnamespace
    -- Not indexes and TOAST tables.
    WHERE relation.relkind NOT IN ('i', 'I', 't')
        AND (relation.oid, 'pg_class'::regclass::oid) NOT IN (SELECT objid, classid FROM extensions_own)
        -- The migration history.
        AND NOT relation.relname = '__diesel_schema_migrations'
), objects (kind, schema, "table", name, definition, position) AS (
    SELECT 'schema', nspname::text, NULL::text, nspname::text, coalesce(nspacl::text, ''), 0
    FROM pg_catalog.pg_namespace JOIN namespaces USING (oid, nspname)

    UNION ALL
    SELECT 'extension', namespace.nspname, NULL, extname, extversion, 0
    FROM pg_catalog.pg_extension JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = extnamespace
    WHERE pg_extension.oid >= 16384

    UNION ALL
    SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'relation ' || relkind::text END,
        nspname, NULL, relname,
        concat_ws(' ',
            CASE WHEN relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(relations.oid) END,
            CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END,
            CASE WHEN relkind = 'p' THEN 'PARTITION BY ' || pg_catalog.pg_get_partkeydef(relations.oid) END,
            pg_catalog.pg_get_expr(relpartbound, relations.oid),
            (SELECT 'INHERITS ' || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
                FROM pg_catalog.pg_inherits WHERE inhrelid = relations.oid),
            CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
            CASE WHEN relforcerowsecurity THEN 'FORCED' END,
            CASE WHEN relreplident <> 'd' THEN 'REPLICA IDENTITY ' || relreplident::text END,
            reloptions::text, relacl::text),
        0
    FROM relations WHERE relkind NOT IN ('S', 'c')

    UNION ALL
    SELECT 'column', nspname, relname, attname,
        pg_catalog.json_build_object(
            'type', pg_catalog.format_type(atttypid, atttypmod),
            'collation', (SELECT pg_catalog.quote_ident(collation_namespace.nspname) || '.'
                    || pg_catalog.quote_ident(collname)
                FROM pg_catalog.pg_collation
                JOIN pg_catalog.pg_namespace AS collation_namespace ON collation_namespace.oid = collnamespace
                WHERE pg_collation.oid = attcollation
                    AND attcollation <> (SELECT typcollation FROM pg_catalog.pg_type WHERE pg_type.oid = atttypid)),
            'not_null', attnotnull,
            'default', CASE WHEN attgenerated = '' THEN pg_catalog.pg_get_expr(adbin, adrelid) END,
            'generated', CASE WHEN attgenerated <> '' THEN pg_catalog.pg_get_expr(adbin, adrelid) END,
            'identity', CASE attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
            'other', nullif(concat_ws(' ', attacl::text, attoptions::text,
                CASE WHEN attstorage <> typstorage THEN 'STORAGE ' || attstorage::text END,
                CASE WHEN attislocal THEN NULL ELSE 'INHERITED' END), '')
        )::text,
        attnum
    FROM relations
    JOIN pg_catalog.pg_attribute ON attrelid = relations.oid
    JOIN pg_catalog.pg_type ON pg_type.oid = atttypid
    LEFT JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relkind IN ('r', 'p', 'f') AND attnum > 0 AND NOT attisdropped

    UNION ALL
    -- Triggers and NOT NULL are listed as triggers and with their columns.
    SELECT 'constraint', relations.nspname, relations.relname, conname,
        pg_catalog.json_build_object(
            'sql', pg_catalog.pg_get_constraintdef(pg_constraint.oid),
            'foreign_key', CASE contype WHEN 'f' THEN pg_catalog.json_build_object(
                'columns', (
                    SELECT pg_catalog.json_agg(attname ORDER BY position)
                    FROM pg_catalog.unnest(conkey) WITH ORDINALITY AS part (number, position)
                    JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = number
                ),
                'parent_schema', parent_namespace.nspname,
                'parent', parent.relname,
                'match_type', confmatchtype,
                'on_update', confupdtype,
                'on_delete', confdeltype,
                -- By way of JSON, since older versions of PostgreSQL do not have these columns.
                'on_delete_columns', (
                    SELECT pg_catalog.json_agg(attname ORDER BY position)
                    FROM pg_catalog.jsonb_array_elements_text(
                        nullif(pg_catalog.to_jsonb(pg_constraint) -> 'confdelsetcols', 'null')
                    ) WITH ORDINALITY AS part (number, position)
                    JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = number::int
                ),
                'deferrable', condeferrable,
                'initially_deferred', condeferred,
                'enforced', coalesce((pg_catalog.to_jsonb(pg_constraint) ->> 'conenforced')::boolean, true),
                'validated', convalidated
            ) END
        )::text, 0
    FROM relations
    JOIN pg_catalog.pg_constraint ON conrelid = relations.oid
    LEFT JOIN pg_catalog.pg_class AS parent ON parent.oid = confrelid
    LEFT JOIN pg_catalog.pg_namespace AS parent_namespace ON parent_namespace.oid = parent.relnamespace
    WHERE contype IN ('c', 'f', 'p', 'u', 'x') AND conparentid = 0

    UNION ALL
    SELECT 'index', nspname, relations.relname, index_relation.relname,
        pg_catalog.pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' /* invalid */' END, 0
    FROM relations
    JOIN pg_catalog.pg_index ON indrelid = relations.oid
    JOIN pg_catalog.pg_class AS index_relation ON index_relation.oid = indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))

    UNION ALL
    SELECT 'sequence', nspname, NULL, relname,
        format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',
            pg_catalog.format_type(seqtypid, NULL), seqincrement, seqmin, seqmax, seqstart, seqcache,
            CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END), 0
    FROM relations JOIN pg_catalog.pg_sequence ON seqrelid = relations.oid
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE objid = relations.oid AND deptype = 'i'
        AND classid = 'pg_class'::regclass)

    UNION ALL
    SELECT 'sequence owner', relations.nspname, NULL, relations.relname,
        format('%s.%s', owner.oid::regclass, pg_catalog.quote_ident(attname)), 0
    FROM relations
    JOIN pg_catalog.pg_depend ON objid = relations.oid AND classid = 'pg_class'::regclass AND deptype = 'a'
        AND refclassid = 'pg_class'::regclass AND refobjsubid > 0
    JOIN pg_catalog.pg_class AS owner ON owner.oid = refobjid
    JOIN pg_catalog.pg_attribute ON attrelid = owner.oid AND attnum = refobjsubid
    WHERE relations.relkind = 'S'

    UNION ALL
    SELECT 'trigger', nspname, relname, tgname,
        pg_catalog.pg_get_triggerdef(pg_trigger.oid) || CASE tgenabled WHEN 'O' THEN '' ELSE ' /* ' || tgenabled::text || ' */' END,
        0
    FROM relations JOIN pg_catalog.pg_trigger ON tgrelid = relations.oid
    WHERE NOT tgisinternal

    UNION ALL
    SELECT 'rule', nspname, relname, rulename, pg_catalog.pg_get_ruledef(pg_rewrite.oid), 0
    FROM relations JOIN pg_catalog.pg_rewrite ON ev_class = relations.oid
    WHERE rulename <> '_RETURN'

    UNION ALL
    SELECT 'policy', nspname, relname, polname,
        concat_ws(' ', polcmd, polpermissive, polroles::text, pg_catalog.pg_get_expr(polqual, polrelid), '/',
            pg_catalog.pg_get_expr(polwithcheck, polrelid)), 0
    FROM relations JOIN pg_catalog.pg_policy ON polrelid = relations.oid

    UNION ALL
    SELECT 'statistics', namespaces.nspname, NULL, stxname, pg_catalog.pg_get_statisticsobjdef(pg_statistic_ext.oid), 0
    FROM pg_catalog.pg_statistic_ext JOIN namespaces ON namespaces.oid = stxnamespace

    UNION ALL
    SELECT 'type', nspname, NULL, typname,
        concat_ws(' ', typtype,
            (SELECT string_agg(pg_catalog.quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
                FROM pg_catalog.pg_enum WHERE enumtypid = pg_type.oid),
            CASE WHEN typtype = 'd' THEN pg_catalog.format_type(typbasetype, typtypmod) END,
            CASE WHEN typnotnull THEN 'NOT NULL' END, typdefault,
            (SELECT string_agg(conname || ' ' || pg_catalog.pg_get_constraintdef(pg_constraint.oid), ' ' ORDER BY conname)
                FROM pg_catalog.pg_constraint WHERE contypid = pg_type.oid),
            (SELECT string_agg(attname || ' ' || pg_catalog.format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
                FROM pg_catalog.pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped),
            (SELECT rngsubtype::regtype::text FROM pg_catalog.pg_range WHERE rngtypid = pg_type.oid),
            typacl::text), 0
    FROM pg_catalog.pg_type
    JOIN namespaces ON namespaces.oid = typnamespace
    LEFT JOIN pg_catalog.pg_class ON pg_class.oid = typrelid
    WHERE (typtype IN ('d', 'e', 'r') OR typtype = 'c' AND relkind = 'c' OR typtype = 'b' AND typelem = 0)
        AND (pg_type.oid, 'pg_type'::regclass::oid) NOT IN (SELECT objid, classid FROM extensions_own)

    UNION ALL
    SELECT CASE prokind WHEN 'f' THEN 'function' WHEN 'w' THEN 'function' WHEN 'p' THEN 'procedure'
            WHEN 'a' THEN 'aggregate' ELSE 'routine ' || prokind::text END,
        nspname, NULL, format('%s(%s)', proname, pg_catalog.pg_get_function_identity_arguments(pg_proc.oid)),
        concat_ws(' ', CASE WHEN prokind <> 'a' THEN pg_catalog.pg_get_functiondef(pg_proc.oid) END, proacl::text), 0
    FROM pg_catalog.pg_proc JOIN namespaces ON namespaces.oid = pronamespace
    WHERE (pg_proc.oid, 'pg_proc'::regclass::oid) NOT IN (SELECT objid, classid FROM extensions_own)

    UNION ALL
    -- Rare objects, without their definitions.
    SELECT identity.type, NULL, NULL, identity.identity, '', 0
    FROM (
        SELECT tableoid, oid FROM pg_catalog.pg_operator UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_opclass UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_cast UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_collation UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_conversion UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_ts_config UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_ts_dict UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_event_trigger UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_publication UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_foreign_data_wrapper UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_foreign_server UNION ALL
        SELECT tableoid, oid FROM pg_catalog.pg_default_acl
    ) AS rare
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(rare.tableoid, rare.oid, 0) AS identity
    -- The lowest OID of an object that initdb did not create.
    WHERE rare.oid >= 16384 AND (rare.oid, rare.tableoid) NOT IN (SELECT objid, classid FROM extensions_own)

    UNION ALL
    SELECT 'comment', identity.schema, NULL, format('%s %s', identity.type, identity.identity),
        pg_catalog.json_build_object(
            'comment', description,
            'statement', 'COMMENT ON ' || CASE identity.type
                WHEN 'index' THEN 'INDEX'
                WHEN 'sequence' THEN 'SEQUENCE'
                WHEN 'table' THEN 'TABLE'
                WHEN 'table column' THEN 'COLUMN'
                WHEN 'table constraint' THEN 'CONSTRAINT'
                WHEN 'trigger' THEN 'TRIGGER'
            END || ' ' || identity.identity || ' IS',
            'object_names', address.object_names
        )::text, 0
    FROM pg_catalog.pg_description
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(classoid, objoid, objsubid) AS identity
    CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(classoid, objoid, objsubid) AS address
    WHERE objoid >= 16384 AND (objoid, classoid) NOT IN (SELECT objid, classid FROM extensions_own)
        AND classoid <> 'pg_extension'::regclass
)
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'kind', kind, 'schema', coalesce(schema, ''), 'table', coalesce("table", ''), 'name', name,
    'definition', definition, 'position', position
)), '[]')::text AS document
FROM objects
