CREATE TABLE single (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
CREATE TABLE natural_key (code text PRIMARY KEY, note text);
-- In the order of the primary key, not of the columns.
CREATE TABLE composite (a int, b int, c int, PRIMARY KEY (c, a));
CREATE TABLE identities (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, doubled int GENERATED ALWAYS AS (2) STORED);
