package atomicfile

// writeBackStep is how much is written before the system is asked to begin with its disk, in bytes: less than that is
// written in one go by Commit anyway, and many small requests cost a disk more than few large ones.
const writeBackStep = 4 << 20

// writeBackAlign is a multiple of every page size in use, in bytes. A page that is not full yet is left alone: it would
// go to the disk twice.
const writeBackAlign = 64 << 10

// Write writes p to the file. After every 4 MiB it has the system begin to bring to the disk what was written since, and
// does not wait for that unless the disk has more to do than it queues: then it waits here instead of in Commit. Every
// byte goes to the disk before Commit returns, so this is no more work. It is done while the caller makes what comes next,
// and not when nothing else is left to do; a call that is given up does not first wait for all it has written; and a long
// file does not fill the system's cache with what the disk has not seen, for which other programs would wait.
//
// What is written otherwise, such as by ReadFrom or WriteAt, goes to the disk when the system likes, by Commit at last.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	if end := f.written &^ (writeBackAlign - 1); end-f.begun >= writeBackStep {
		// Whatever it says, Sync says too, and that is when it matters.
		writeBack(f.File, f.begun, end-f.begun)
		f.begun = end
	}
	return n, err
}
