package osscse

// NewObject returns an object of a known data key and counter, as the vector has them.
func NewObject(m *Metadata, key, start []byte) (*UnauthenticatedObject, error) {
	return newObject(m, key, counter(start))
}

// CounterAt returns the counter of the block that holds an offset.
func (o *UnauthenticatedObject) CounterAt(off int64) []byte {
	c := o.start.at(off)
	return c[:]
}
