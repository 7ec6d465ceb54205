-- Computed: why a face that is nobody's did not come to somebody it was near enough to. Written anew with `owners`.
CREATE TABLE kept_apart (
  face INTEGER PRIMARY KEY REFERENCES faces (id) ON DELETE CASCADE,
  why TEXT NOT NULL               -- in plain words; calls persons `Person <id>`
) STRICT;
