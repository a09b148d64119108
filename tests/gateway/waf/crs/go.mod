// The core rule set's own regression tests, as a Go module carries them.
module plinth.test/crs

go 1.25

require github.com/corazawaf/coraza-coreruleset/v4 v4.25.0
