// Reads events with franz-go and prints a line for each change: what a system beside the platform does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// version of a record; a higher epoch wins over any number.
type version struct{ epoch, number int64 }

func (one version) after(other version) bool {
	return one.epoch > other.epoch || (one.epoch == other.epoch && one.number > other.number)
}

type line struct {
	ID      string   `json:"id"`
	Type    string   `json:"type"`
	Subject string   `json:"subject"`
	Version int64    `json:"version"`
	Fields  []string `json:"fields"`
}

// read gives a line for a change that is new, nil for one that was seen, an error for what can never be read.
func read(record *kgo.Record, seen map[string]version) (*line, error) {
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	epoch, err := strconv.ParseInt(headers["ce_itsmepoch"], 10, 64)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseInt(headers["ce_itsmversion"], 10, 64)
	if err != nil {
		return nil, err
	}
	now := version{epoch, number}
	if !now.after(seen[string(record.Key)]) {
		return nil, nil // delivered again, or published again
	}
	var data map[string]json.RawMessage // what is not known is passed over
	if err := json.Unmarshal(record.Value, &data); err != nil {
		return nil, err
	}
	seen[string(record.Key)] = now
	fields := make([]string, 0, len(data))
	for name := range data {
		fields = append(fields, name)
	}
	sort.Strings(fields)
	return &line{headers["ce_id"], headers["ce_type"], headers["ce_subject"], number, fields}, nil
}

func main() {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Getenv("ITSM_KAFKA_BOOTSTRAP"), ",")...),
		// In production: kgo.DialTLS() as well.
		kgo.SASL(scram.Auth{User: os.Getenv("ITSM_KAFKA_USERNAME"), Pass: os.Getenv("ITSM_KAFKA_PASSWORD")}.AsSha256Mechanism()),
		kgo.ConsumerGroup(os.Getenv("ITSM_KAFKA_GROUP")),
		kgo.ConsumeTopics(strings.Split(os.Getenv("ITSM_KAFKA_TOPICS"), ",")...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	seen := map[string]version{} // kept beside the effects, in the same transaction, it would survive a restart
	out := json.NewEncoder(os.Stdout)
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		for _, failure := range fetches.Errors() {
			fmt.Fprintf(os.Stderr, "%s/%d: %v\n", failure.Topic, failure.Partition, failure.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			found, err := read(record, seen)
			if err != nil { // keep the bytes somewhere for a person; others go on
				fmt.Fprintf(os.Stderr, "set aside: %s/%d@%d: %v\n", record.Topic, record.Partition, record.Offset, err)
				return
			}
			if found != nil {
				_ = out.Encode(found)
			}
		})
		if err := client.CommitUncommittedOffsets(ctx); err != nil && ctx.Err() == nil { // after they were handled, never before
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
