package rollout

import (
	"fmt"
	"slices"
	"time"
)

const (
	// NoticeLife is how long a notifier tries to deliver a notice.
	NoticeLife = 24 * time.Hour
	// maxQueued bounds the notices that wait in a notifier: together they must fit into the
	// input with which it continues as new.
	maxQueued = 1000
	// maxRecent is how many notices are known again when they come twice.
	maxRecent = 100
)

// Take queues the notices that are not known yet. The first busy ones of the queue are being
// delivered; of the others the oldest make room.
func (s *NotifierStatus) Take(m Notices, busy int, now time.Time) {
	if m.Lost > 0 && len(m.Notices) > 0 {
		s.drop(m.Lost, m.Notices[0].Source()+": no notifier took them in time", now)
	}
	for _, n := range m.Notices {
		if slices.Contains(s.Recent, n.key()) {
			continue
		}
		s.Queue, s.Recent = append(s.Queue, n), append(s.Recent, n.key())
	}
	s.Recent = slices.Clone(s.Recent[max(0, len(s.Recent)-maxRecent):])
	if over := len(s.Queue) - maxQueued; over > 0 {
		s.Queue = slices.Delete(s.Queue, busy, busy+over)
		s.drop(over, fmt.Sprintf("more than %d wait", maxQueued), now)
	}
}

// Expire drops the notices that are older than NoticeLife. Nothing may be being delivered.
func (s *NotifierStatus) Expire(now time.Time) {
	n := 0
	for n < len(s.Queue) && now.Sub(s.Queue[n].Time) >= NoticeLife {
		n++
	}
	if n > 0 {
		s.Queue = slices.Delete(s.Queue, 0, n)
		s.drop(n, "not delivered within "+NoticeLife.String()+": "+s.Failure, now)
	}
}

// Answered takes the first done notices from the queue. Those that were refused for good are among
// them.
func (s *NotifierStatus) Answered(done int, refused []string, now time.Time) {
	s.Queue = slices.Delete(s.Queue, 0, min(done, len(s.Queue)))
	for _, why := range refused {
		s.drop(1, why, now)
	}
	s.Delivered += done - len(refused)
	s.Last, s.Failure, s.Failed, s.Failures = now, "", time.Time{}, 0
}

// Missed records that the first of the queue could not be delivered.
func (s *NotifierStatus) Missed(why string, now time.Time) {
	s.Failure, s.Failed = short(why), now
	s.Failures++
}

// Gone drops everything: nobody wants it any more.
func (s *NotifierStatus) Gone(why string, now time.Time) {
	s.drop(len(s.Queue), why, now)
	s.Queue, s.Failure, s.Failed, s.Failures = nil, "", time.Time{}, 0
}

func (s *NotifierStatus) drop(n int, why string, now time.Time) {
	s.Dropped += n
	s.Notes = append(s.Notes, fmt.Sprintf("%s dropped %d: %s", now.UTC().Format(time.RFC3339), n, short(why)))
	s.Notes = slices.Clone(s.Notes[max(0, len(s.Notes)-KeptRecords):])
}
