-- Enough tables that rustfmt breaks the line that lists them.
DO $$ BEGIN
    FOR number IN 1..30 LOOP
        EXECUTE format('CREATE TABLE a_table_with_a_long_name_%s (id int PRIMARY KEY, name text NOT NULL)', number);
    END LOOP;
END $$;
