package node

import (
	"fmt"
	"net/netip"
	"sync"
)

// pool hands out the addresses of a range, each to one pod at a time. It begins
// again with the first only after the last, so that an address is not soon
// somebody else's.
type pool struct {
	from netip.Prefix
	host netip.Addr // the node's own

	mu    sync.Mutex
	taken map[netip.Addr]bool
	last  netip.Addr
}

func newPool(from netip.Prefix) (*pool, error) {
	if !from.IsValid() || from.IsSingleIP() {
		return nil, fmt.Errorf("range of pod addresses %q: want one such as 10.64.0.0/16", from)
	}
	from = from.Masked()
	p := &pool{from: from, last: from.Addr(), taken: map[netip.Addr]bool{}}
	host, err := p.take()
	p.host = host
	return p, err
}

func (p *pool) take() (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ip := p.last.Next(); ip != p.last; ip = ip.Next() {
		if !p.from.Contains(ip) {
			ip = p.from.Addr() // which itself is nobody's
			continue
		}
		if !p.taken[ip] {
			p.taken[ip], p.last = true, ip
			return ip, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("take an address: all of %s are taken", p.from)
}

func (p *pool) give(ip netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, ip)
}
