package keyring

// CachingStats are what a [Caching] counted since it was made, and what it holds now.
type CachingStats struct {
	Hits        int64 // requests answered with a key at hand
	Misses      int64 // requests that asked the provider, or waited for another that did
	Fetches     int64 // calls of the provider
	FetchErrors int64 // of these, without a key; with those given up when nobody waited for them any more
	CallsSaved  int64 // requests less calls of the provider
	Expired     int64 // requests answered with a key beyond MaxAge: see InsecureAllowExpired

	Held      int // data keys at hand; those that have left and are still in use do not count
	Evictions CachingEvictions
}

// CachingEvictions are the data keys that left a cache, by cause.
type CachingEvictions struct {
	Age       int64 // MaxAge, or a refresh before it
	Capacity  int64 // MaxEntries: another took its place
	Messages  int64 // MaxMessages
	Bytes     int64 // MaxBytes
	Purge     int64 // Purge or Close
	Refused   int64 // the provider refused to renew it
	Destroyed int64 // a borrower destroyed it more than once, which is a mistake in the program
}
