CREATE TABLE documented (id int PRIMARY KEY, a int, b int);
COMMENT ON TABLE documented IS 'One line, and

  another after an empty one.';
COMMENT ON COLUMN documented.a IS 'It''s "quoted" and has a \ backslash */ and // slashes.';
COMMENT ON COLUMN documented.b IS '';
