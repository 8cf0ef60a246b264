package refkms

// NoSync has the file not be synced: tests of what is not durability take a tenth of the time.
func (o *StoreOptions) NoSync() { o.noSync = true }
