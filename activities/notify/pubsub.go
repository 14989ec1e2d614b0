package notify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/serin-dev/serin/rollout"
)

// topicPrefix begins the names of the topics: cloud.google.com/deploy/docs/subscribe-deploy-notifications.
const topicPrefix = "clouddeploy-"

// pubSub publishes to Cloud Deploy's topics with its attributes. Messages of one rollout have the
// same ordering key. It is one request for each notice: what was answered was taken.
type pubSub struct {
	client  *pubsub.TopicAdminClient
	project string
}

func (a *Activities) newPubSub(ctx context.Context, c rollout.PubSubSink) (sink, error) {
	var options []option.ClientOption
	if c.Endpoint != "" {
		// No credentials are shown to whoever a configuration names.
		if err := a.hosts.Allow(&url.URL{Scheme: "http", Host: c.Endpoint}); err != nil {
			return nil, err
		}
		options = append(options, option.WithEndpoint(c.Endpoint), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	}
	client, err := pubsub.NewTopicAdminClient(ctx, options...)
	if err != nil {
		return nil, &rollout.Error{
			Op: "connect to Pub/Sub", On: "of project " + c.Project, Kind: rollout.Denied, Err: err,
			Fix: "give the workers of task queue " + rollout.DefaultTaskQueue + " Application Default Credentials",
		}
	}
	return &pubSub{client: client, project: c.Project}, nil
}

func (p *pubSub) send(ctx context.Context, n rollout.Notice) error {
	data, err := json.Marshal(newCloudEvent(n))
	if err != nil {
		return p.fail(n, rollout.Invalid, err, "")
	}
	_, err = p.client.Publish(ctx, &pubsubpb.PublishRequest{
		Topic: p.topic(n),
		Messages: []*pubsubpb.PubsubMessage{{
			Data: data, Attributes: attributes(n), OrderingKey: n.Source(),
		}},
	})
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.InvalidArgument:
		return p.fail(n, rollout.Invalid, err, "")
	case status.Code(err) == codes.NotFound:
		return p.fail(n, rollout.Transient, errors.New("the topic does not exist"), "gcloud pubsub topics create "+topicPrefix+string(n.Topic)+" --project "+p.project)
	case status.Code(err) == codes.PermissionDenied:
		return p.fail(n, rollout.Transient, err, "grant roles/pubsub.publisher on the topic to the workers")
	default:
		return p.fail(n, rollout.Transient, err, "")
	}
}

func (p *pubSub) topic(n rollout.Notice) string {
	return "projects/" + p.project + "/topics/" + topicPrefix + string(n.Topic)
}

func (p *pubSub) fail(n rollout.Notice, kind rollout.Kind, err error, fix string) error {
	return &rollout.Error{Op: "publish notice", On: "to " + p.topic(n), Kind: kind, Err: err, Fix: fix}
}

// attributes are Cloud Deploy's, as far as there is such a thing here: there is no ProjectNumber. Phase,
// RolloutType, ControllerRollout and NoticeId are more than it has.
func attributes(n rollout.Notice) map[string]string {
	all := map[string]string{
		"Action": string(n.Action), "Resource": n.Name(), "ResourceType": n.Resource,
		"DeliveryPipelineId": n.Pipeline, "TargetId": n.Target, "ReleaseId": n.Release, "RolloutId": n.Rollout,
		"JobRunId": n.JobRun(), "JobId": string(n.Job), "PhaseId": n.Phase,
		"RolloutType": string(n.Type), "ControllerRollout": n.Controller, "NoticeId": n.ID,
		"Location": segment(n.Place, "locations", "zones"),
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// segment is what follows one of words in place, such as L after "locations" in
// "projects/P/locations/L/clusters/C"; "" where none does.
func segment(place rollout.Location, words ...string) string {
	parts := strings.Split(string(place), "/")
	for i := range len(parts) - 1 {
		if slices.Contains(words, parts[i]) {
			return parts[i+1]
		}
	}
	return ""
}

func (p *pubSub) close() error { return p.client.Close() }
