package pipeline

func (p *DeployPolicy) rules(at *judge) {
	for i, s := range p.Selectors {
		s.rules(at.key("selectors").item(i))
	}
	names := newIDs()
	for i, r := range p.Rules {
		if r.RolloutRestriction == nil {
			continue
		}
		restriction := at.key("rules").item(i).key("rolloutRestriction")
		names.add(restriction.key("id"), r.RolloutRestriction.ID)
		r.RolloutRestriction.TimeWindows.rules(restriction.key("timeWindows"))
	}
}

func (s PolicySelector) rules(at *judge) {
	if s.DeliveryPipeline == nil && s.Target == nil {
		at.bad("needs deliveryPipeline, target or both")
	}
	if s.DeliveryPipeline != nil {
		s.DeliveryPipeline.rules(at.key("deliveryPipeline"))
	}
	if s.Target != nil {
		s.Target.rules(at.key("target"))
	}
}

func (w TimeWindows) rules(at *judge) {
	if text := zoneProblem(w.TimeZone); text != "" {
		at.key("timeZone").bad("%s", text)
	}
	if len(w.OneTimeWindows)+len(w.WeeklyWindows) == 0 {
		at.bad("needs at least one window in oneTimeWindows or weeklyWindows")
	}
	for i, o := range w.OneTimeWindows {
		o.rules(at.key("oneTimeWindows").item(i))
	}
	for i, k := range w.WeeklyWindows {
		k.rules(at.key("weeklyWindows").item(i))
	}
}

func (o OneTimeWindow) rules(at *judge) {
	start, end := instantProblem(o.Start, false), instantProblem(o.End, true)
	if start != "" {
		at.key("start").bad("%s", start)
	}
	if end != "" {
		at.key("end").bad("%s", end)
	}
	// Both have fixed width, so the order of the strings is that of the times.
	if start == "" && end == "" && o.End <= o.Start {
		at.key("end").bad("%q is not after start %q", o.End, o.Start)
	}
}

func (w WeeklyWindow) rules(at *judge) {
	if (w.StartTime == "") != (w.EndTime == "") {
		at.bad("has only one of startTime and endTime: give both, or neither for the whole day")
		return
	}
	if w.StartTime == "" {
		return
	}
	start, end := clockProblem(w.StartTime, false), clockProblem(w.EndTime, true)
	if start != "" {
		at.key("startTime").bad("%s", start)
	}
	if end != "" {
		at.key("endTime").bad("%s", end)
	}
	if start == "" && end == "" && w.EndTime <= w.StartTime {
		at.key("endTime").bad("%q is not after startTime %q: split a window over midnight in two", w.EndTime, w.StartTime)
	}
}
