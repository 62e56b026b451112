import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads events with kafka-clients and prints a line for each change: `java -cp 'libs/*' Consume.java`. */
public class Consume {

    /** A version of a record; a higher epoch wins over any version. */
    record Version(long epoch, long number) {
        boolean after(Version other) {
            return other == null || epoch > other.epoch || (epoch == other.epoch && number > other.number);
        }
    }

    public static void main(String[] arguments) {
        Map<String, String> given = System.getenv();
        Properties settings = new Properties();
        settings.put("bootstrap.servers", given.get("ITSM_KAFKA_BOOTSTRAP"));
        settings.put("security.protocol", "SASL_PLAINTEXT"); // SASL_SSL in production
        settings.put("sasl.mechanism", "SCRAM-SHA-256");
        settings.put("sasl.jaas.config", String.format(
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";",
            given.get("ITSM_KAFKA_USERNAME"), given.get("ITSM_KAFKA_PASSWORD")));
        settings.put("group.id", given.get("ITSM_KAFKA_GROUP"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        // Kept beside the effects, in the same transaction, it would survive a restart.
        Map<String, Version> seen = new HashMap<>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(Arrays.asList(given.get("ITSM_KAFKA_TOPICS").split(",")));
            while (true) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    try {
                        handle(record, seen);
                    } catch (IllegalArgumentException error) {
                        // Keep the bytes somewhere for a person; others go on.
                        System.err.printf("set aside: %s/%d@%d: %s%n", record.topic(), record.partition(), record.offset(), error);
                    }
                }
                consumer.commitSync(); // after the records were handled, never before
            }
        }
    }

    private static void handle(ConsumerRecord<String, byte[]> record, Map<String, Version> seen) {
        Version version = new Version(
            Long.parseLong(header(record, "ce_itsmepoch")), Long.parseLong(header(record, "ce_itsmversion")));
        if (!version.after(seen.get(record.key()))) {
            return; // delivered again, or published again
        }
        seen.put(record.key(), version);
        // The value is JSON: read it with the library that you use anyway, and pass over what you do not know.
        System.out.printf("{\"id\":\"%s\",\"type\":\"%s\",\"subject\":\"%s\",\"version\":%d,\"bytes\":%d}%n",
            header(record, "ce_id"), header(record, "ce_type"), header(record, "ce_subject"), version.number(),
            record.value().length);
        System.out.flush();
    }

    private static String header(ConsumerRecord<String, byte[]> record, String name) {
        Header found = record.headers().lastHeader(name);
        if (found == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return new String(found.value(), StandardCharsets.UTF_8);
    }
}
