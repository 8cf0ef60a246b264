package call

// A Page chooses the items of one page out of a list, which are counted one after the other. A page beyond the end is
// empty, and so is one of size 0.
type Page struct {
	Number, Size int // Number from 1
	Total        int // items counted so far
}

// Take counts an item and reports whether it lies on the page.
func (p *Page) Take() bool {
	p.Total++
	return p.Size > 0 && (p.Total-1)/p.Size == p.Number-1
}
