package analysis

import (
	"maps"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// group is the name of the group that m counts in.
func (m Metric) group() string {
	if m.Compare.Group != "" {
		return m.Compare.Group
	}
	return m.ID
}

// score sets the score of every group, which is the share that passes of those with data, and
// the mean of the groups by their weights. A group without data has no score, and no say in the mean.
func (out *Judgment) score(j rollout.Judge, metrics []Metric) {
	passed, counted := map[string]float64{}, map[string]float64{}
	for i, m := range metrics {
		name := m.group()
		switch out.Metrics[i].Verdict {
		case rollout.VerdictPass:
			passed[name]++
			counted[name]++
		case rollout.VerdictFail:
			counted[name]++
		case rollout.VerdictInconclusive:
			counted[name] += 0 // the group is there, and has its weight
		}
	}
	names := slices.Sorted(maps.Keys(counted)) // in one order, for sums that are the same every time
	weights := weigh(j.Groups, names)
	var sum, of float64
	for _, name := range names {
		if counted[name] > 0 {
			sum += weights[name] * 100 * passed[name] / counted[name]
			of += weights[name]
		}
	}
	if of > 0 {
		out.Score, out.Scored = sum/of, true
	}
	for i, m := range metrics {
		if of := counted[m.group()]; of > 0 {
			out.Metrics[i].Score, out.Metrics[i].Scored = 100*passed[m.group()]/of, true
		}
	}
}

// weigh gives each name its weight: the given one, or an equal share of what these leave of 100.
func weigh(given map[string]float64, names []string) map[string]float64 {
	rest, open := 100.0, 0.0
	for _, name := range slices.Sorted(maps.Keys(given)) {
		rest -= given[name]
	}
	for _, name := range names {
		if _, ok := given[name]; !ok {
			open++
		}
	}
	weights := make(map[string]float64, len(names))
	for _, name := range names {
		w, ok := given[name]
		if !ok {
			w = max(rest, 0) / open
		}
		weights[name] = w
	}
	return weights
}
