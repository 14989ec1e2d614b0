package rollout

// Waits is the cause of a refusal because of a rollout that queues or waits for its approval. It
// may have been ended by force, and could then not say so: whoever refuses looks first.
type Waits struct {
	Rollout string
	Err     error
}

// Error is the cause's own text.
func (w *Waits) Error() string { return w.Err.Error() }

// Unwrap returns the cause.
func (w *Waits) Unwrap() error { return w.Err }

// inTheWay makes a Waits of err where r has not begun.
func inTheWay(r *Record, err error) error {
	if r == nil || !r.waits() {
		return err
	}
	return &Waits{Rollout: r.Rollout, Err: err}
}

func (r Record) waits() bool { return r.State == StatePending || r.State == StatePendingApproval }
