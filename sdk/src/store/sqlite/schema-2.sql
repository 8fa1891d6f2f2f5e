-- Version 2: views of the runs that are kept. Their values are runs/RUN, over/RUN and what is beneath run/RUN.

-- Each run, and how it ended; one that did not can go on.
CREATE VIEW runs AS
SELECT substr(head.key, length('runs/') + 1) AS run,
       head.value ->> '$.role'               AS role,
       head.value ->> '$.since'              AS since,
       over.value ->> '$.how'                AS ended
FROM value AS head
LEFT JOIN value AS over ON over.key = 'over/' || substr(head.key, length('runs/') + 1)
WHERE head.key > 'runs/' AND head.key < 'runs0';

-- The agents of each run. A sealed key is there while the agent's task goes on.
CREATE VIEW agents AS
SELECT run,
       value ->> '$.agent'           AS agent,
       value ->> '$.path'            AS path,
       value ->> '$.parent'          AS parent,
       value ->> '$.call'            AS call,
       value ->> '$.task'            AS task,
       value ->> '$.ended'           AS ended,
       value ->> '$.key' IS NOT NULL AS sealed
FROM (SELECT substr(key, 5, 36) AS run, substr(key, 42) AS rest, value
      FROM value
      WHERE key > 'run/' AND key < 'run0')
WHERE rest LIKE 'agents/%' OR rest LIKE 'ended/%';

-- What was said in each run, a message a line.
CREATE VIEW conversations AS
SELECT run,
       substr(rest, 10, 36)                          AS agent,
       CAST(substr(rest, 47) AS INTEGER)             AS number,
       value ->> '$.role'                            AS role,
       coalesce(value ->> '$.text', value ->> '$.outcome') AS text,
       value -> '$.calls'                            AS calls,
       value ->> '$.call_id'                         AS call,
       value ->> '$.tool'                            AS tool
FROM (SELECT substr(key, 5, 36) AS run, substr(key, 42) AS rest, value
      FROM value
      WHERE key > 'run/' AND key < 'run0')
WHERE rest LIKE 'messages/%';

-- Calls of turns that are not over: begun, waiting for a child, or done.
CREATE VIEW calls_of_runs AS
SELECT run,
       substr(rest, 7, 36)                              AS agent,
       replace(replace(substr(rest, 44), '%2F', '/'), '%25', '%') AS call,
       value ->> '$.is'                                 AS state,
       value ->> '$.capability'                         AS capability
FROM (SELECT substr(key, 5, 36) AS run, substr(key, 42) AS rest, value
      FROM value
      WHERE key > 'run/' AND key < 'run0')
WHERE rest LIKE 'calls/%';
