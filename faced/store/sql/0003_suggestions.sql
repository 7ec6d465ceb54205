-- Computed: who a face may be, for the user to say. Written anew with `owners`, never edited.
CREATE TABLE suggestions (
  face INTEGER PRIMARY KEY REFERENCES faces (id) ON DELETE CASCADE,
  person INTEGER NOT NULL REFERENCES persons (id), -- has a name
  rank INTEGER NOT NULL,          -- among all that is proposed to the person: 0 first
  unit INTEGER NOT NULL,          -- what is proposed whole, by the rank of its first face
  distance REAL NOT NULL          -- Euclidean, of the unit
) STRICT;
CREATE INDEX suggestions_person ON suggestions (person, rank);
