ALTER TABLE main.iot.m RENAME COLUMN old TO region;
