package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/storage"
)

// maxScrape bounds what one scrape reads, in bytes.
const maxScrape = 16 << 20

// scrapeAll scrapes target until ctx ends. Whether it answered is the series up.
func (s *Server) scrapeAll(ctx context.Context, target string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		content, err := fetch(ctx, target, every)
		if ctx.Err() != nil {
			return
		}
		_ = s.keep(ctx, target, content, err == nil) // a damaged scrape is missed, as with Prometheus itself
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func fetch(ctx context.Context, target string, patience time.Duration) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape %s: %s", target, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxScrape))
}

// keep appends a scrape in the text format, all of it or nothing.
func (s *Server) keep(ctx context.Context, target string, content []byte, up bool) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	app := s.db.Appender(ctx)
	value := 0.0
	if up {
		value = 1
	}
	if err := s.append(app, content, u.Host, now); err != nil {
		return errors.Join(err, app.Rollback())
	}
	if _, err := app.Append(0, labels.FromStrings(model.MetricNameLabel, "up", "instance", u.Host), now, value); err != nil {
		return errors.Join(err, app.Rollback())
	}
	return app.Commit()
}

func (s *Server) append(app storage.Appender, content []byte, instance string, now int64) error {
	p := textparse.NewPromParser(content, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, value := p.Series()
		b := labels.NewBuilder(l)
		b.Set("instance", instance)
		if _, err := app.Append(0, b.Labels(), now, value); err != nil {
			return err
		}
	}
}
