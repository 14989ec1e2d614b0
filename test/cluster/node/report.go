package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"
)

// report writes the status whenever it changed, until the pod lives no longer.
func (p *pod) report(alive <-chan struct{}) {
	for {
		select {
		case <-alive:
			return
		case <-p.changed:
			if err := p.publish(); err != nil {
				p.complain(err)
				time.AfterFunc(retryDelay, p.touch)
			}
		}
	}
}

// settle writes the last status.
func (p *pod) settle() {
	for p.killed.Err() == nil {
		err := p.publish()
		if err == nil {
			return
		}
		p.complain(err)
		_ = pause(p.killed, retryDelay)
	}
}

// remove deletes the object for good: nothing runs any more.
func (p *pod) remove() {
	for p.killed.Err() == nil {
		err := p.node.client.CoreV1().Pods(p.origin.Namespace).Delete(p.killed, p.origin.Name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To[int64](0),
			Preconditions:      &metav1.Preconditions{UID: &p.origin.UID},
		})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || p.killed.Err() != nil {
			return
		}
		p.complain(fmt.Errorf("delete pod: %w", err))
		_ = pause(p.killed, retryDelay)
	}
}

// publish patches what is new in the status. Nothing new is nothing written.
func (p *pod) publish() error {
	if p.past() || p.killed.Err() != nil {
		return nil
	}
	p.mu.Lock()
	object, base, status := p.origin, p.base, p.status(metav1.Now())
	p.mu.Unlock()

	patch, err := difference(object.UID, base, status)
	if err != nil || patch == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.killed, 5*time.Second)
	defer cancel()
	written, err := p.node.client.CoreV1().Pods(object.Namespace).
		Patch(ctx, object.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err): // another pod has its name by now
		p.gone()
		return nil
	case p.killed.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("patch status: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base = written.Status
	return nil
}

// difference is nil when there is none. The pod's uid in it makes the API server
// refuse it for another pod of the same name.
func difference(uid types.UID, before, after corev1.PodStatus) ([]byte, error) {
	old, err := json.Marshal(corev1.Pod{Status: before})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	fresh, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}, Status: after})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(old, fresh, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("compare status: %w", err)
	}
	if string(patch) == fmt.Sprintf(`{"metadata":{"uid":%q}}`, uid) {
		return nil, nil
	}
	return patch, nil
}
