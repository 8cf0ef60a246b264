package format

//go:generate go run ../internal/vectors/generate -out testdata/vectors
