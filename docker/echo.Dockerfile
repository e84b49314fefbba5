FROM python:3.12-slim-bookworm
RUN pip install --no-cache-dir websockets==17.4
COPY echo.py /echo.py
USER 65534:65534
STOPSIGNAL SIGINT
CMD ["python", "/echo.py"]
